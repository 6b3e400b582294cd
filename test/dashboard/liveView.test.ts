import t from 'tap';
import { LiveWatch } from '../../dashboard/liveView.js';
import { systemClock } from '../../engine/clock.js';
import type { Engine } from '../../engine/engine.js';
import { keptLog } from '../support/bareContext.js';
import { until } from '../support/until.js';

t.test('a look that fails is logged, and the next one is taken', async (t) => {
  const log = keptLog();
  let looks = 0;
  const engine = {
    config: { connections: {} },
    connections: new Map(),
    get live() {
      looks += 1;
      if (looks === 2) throw new Error('no look');
      return undefined;
    },
  };
  const watch = new LiveWatch(engine as unknown as Engine, systemClock, log);
  t.teardown(() => watch.close());
  await until('another look', () => looks > 2);
  t.match(log.lines, [{ level: 'error', message: 'the live view: no look' }]);
});
