import t from 'tap';
import { Faults, formatFault } from '../../engine/fault.js';
import { SourceText } from '../../engine/located.js';

/** A fault at `word` in a file, as it is shown. */
function shown(text: string, word: string, hidden?: string): string {
  const source = new SourceText('pipeline.yaml', text);
  const markOf = (part: string) => ({ source, start: text.indexOf(part), end: text.indexOf(part) + part.length });
  const faults = new Faults();
  if (hidden !== undefined) faults.hide(markOf(hidden));
  faults.add(markOf(word), ['pipelines', 'daily', 'operators', '1', 'zip', 'level'], 'expected x, got y');
  return faults.list().map(formatFault).join('\n');
}

t.test('a fault says file, line, column and place, and points at the word', async (t) => {
  t.equal(
    shown('a: 1\nlevel: six\n', 'six'),
    ['pipeline.yaml:2:8 daily.operators[1].zip.level: expected x, got y', '  2 | level: six', '    |        ^^^'].join(
      '\n',
    ),
  );
});

t.test('the caret stands below the word behind Chinese text and tabs too', async (t) => {
  t.match(shown('名称:\tsix', 'six'), ['  1 | 名称:\tsix', '    |     :\t^^^'.replace(':', ' ')].join('\n'));
});

t.test('a long line is cut around the word', async (t) => {
  const [, line = '', caret = ''] = shown(`${'x'.repeat(500)} six ${'y'.repeat(500)}`, 'six').split('\n');
  t.ok(line.length < 140);
  t.equal(line.slice(caret.indexOf('^'), caret.lastIndexOf('^') + 1), 'six');
});

t.test('what is hidden is masked in every excerpt', async (t) => {
  t.match(shown('{ password: hunter2, level: six }', 'six', 'hunter2'), '{ password: •••••••, level: six }');
});
