import { parse } from 'yaml';
import { type Located, SourceText } from '../../engine/located.js';

/** YAML as `conform` takes it, all of it at one place; `${…}` stays as it is, a text like any other. */
export function locatedText(yaml: string): Located {
  const source = new SourceText('example.yaml', yaml);
  const mark = { source, start: 0, end: yaml.length };
  const locate = (value: unknown): Located => {
    const entries = typeof value === 'object' && value !== null ? Object.entries(value) : [];
    return { value, mark, children: new Map(entries.map(([key, inner]) => [key, locate(inner)])) };
  };
  return locate(parse(yaml.replace(/(\d)_(?=\d{3})/g, '$1')));
}
