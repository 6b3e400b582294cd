import t from 'tap';
import { isColoured } from '../../engine/isColoured.js';

t.test('colours are for terminals, but for who wants none, or wants them anywhere', async (t) => {
  const { NO_COLOR: _no, FORCE_COLOR: _force, ...env } = process.env;
  const isWith = (wanted: Record<string, string>, stream: { isTTY?: boolean }) => {
    process.env = { ...env, ...wanted };
    return isColoured(stream);
  };
  t.equal(isWith({}, { isTTY: true }), true);
  t.equal(isWith({}, {}), false);
  t.equal(isWith({ NO_COLOR: '1' }, { isTTY: true }), false);
  t.equal(isWith({ FORCE_COLOR: '1' }, {}), true);
});
