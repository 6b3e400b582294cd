import { parse } from 'yaml';
import { type Located, SourceText } from '../../engine/located.js';

/** YAML as `conform` takes it, all of it at one place; `${…}` stays as it is, a text like any other. */
export function locatedText(yaml: string): Located {
  return locatedValue(parse(yaml.replace(/(\d)_(?=\d{3})/g, '$1')), new SourceText('example.yaml', yaml));
}

/** A value as `conform` takes it, all of it at one place; what is undefined is not there. */
export function locatedValue(value: unknown, source: SourceText): Located {
  const mark = { source, start: 0, end: source.text.length };
  const entries = typeof value === 'object' && value !== null ? Object.entries(value) : [];
  const given = entries.filter(([, inner]) => inner !== undefined);
  return { value, mark, children: new Map(given.map(([key, inner]) => [key, locatedValue(inner, source)])) };
}
