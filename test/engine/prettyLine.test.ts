import t from 'tap';
import { prettyLine } from '../../engine/prettyLine.js';

const said = (fields: object) => ({
  level: 'warn',
  atMs: Date.parse('2026-01-02T03:04:05.678Z'),
  message: 'a delivery broke',
  fields,
});

t.test('a line for people: time, level, message, fields', async (t) => {
  const line = prettyLine(said({ file: 'a.zip', attempt: 2, of: undefined, reason: 'no such host', at: ['x'] }), false);
  t.match(line, /^\d\d:\d\d:05 warn {2}a delivery broke {2}file=a.zip attempt=2 reason="no such host" at=\["x"\]\n$/);
  t.match(prettyLine(said({}), false), /a delivery broke\n$/);
  t.match(prettyLine(said({}), true), '\u001B[33mwarn \u001B[0m a delivery broke\n');
});

t.test('what others have written does not command the terminal', async (t) => {
  const line = prettyLine(said({ file: 'a\u001B[2Jb', other: 'x\u009By' }), false);
  t.match(line, 'file="a\\u001b[2Jb" other="x\\u009by"');
});
