import { distance } from 'fastest-levenshtein';

/** The known word that was probably meant, for "did you mean"; undefined where none is near. */
export function suggest(word: string, known: Iterable<string>): string | undefined {
  const given = plain(word);
  let best: string | undefined;
  let bestDistance = Math.ceil(given.length / 3) + 1;
  for (const candidate of known) {
    const away = distance(given, plain(candidate));
    if (away < bestDistance) {
      best = candidate;
      bestDistance = away;
    }
  }
  return best;
}

/** The end of a message: `; did you mean "zip"?`, or nothing. */
export function didYouMean(word: string, known: Iterable<string>): string {
  const meant = suggest(word, known);
  return meant === undefined ? '' : `; did you mean ${JSON.stringify(meant)}?`;
}

/** Case and separators are the commonest slips, so they count for nothing: `bytes_max` is near `bytesMax`. */
function plain(word: string): string {
  return word.toLowerCase().replace(/[-_\s]/g, '');
}
