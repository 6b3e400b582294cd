/** Names in an option: `*` stands for any characters, `?` for one. */
export const GLOB = '^[A-Za-z0-9._*?-]{1,100}$';

/** Whether a name is like one of these. */
export function likeAny(globs: readonly string[]): (name: string) => boolean {
  if (globs.length === 0) return () => false;
  const pattern = new RegExp(`^(?:${globs.map(patternOf).join('|')})$`);
  return (name) => pattern.test(name);
}

const patternOf = (glob: string) => glob.replace(/[.-]/g, '\\$&').replace(/\*+/g, '.*').replaceAll('?', '.');
