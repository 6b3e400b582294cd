import t from 'tap';
import { cronProblem, nextTime } from '../../engine/cron.js';

const at = (text: string) => Date.parse(`${text}+08:00`);

t.test('times are those of Shanghai, whatever the machine thinks', async (t) => {
  t.equal(nextTime('0 0 * * *', at('2026-11-15T23:59:59')), at('2026-11-16T00:00:00'));
  t.equal(nextTime('0 0 * * *', at('2026-11-16T00:00:00')), at('2026-11-17T00:00:00'), 'strictly after');
  t.equal(nextTime('0 0 16 * *', at('2026-11-16T00:00:00')), at('2026-12-16T00:00:00'));
  t.equal(nextTime('0 0 29 2 *', at('2026-01-01T00:00:00')), at('2028-02-29T00:00:00'));
});

t.test('what is wrong with a pattern is told', async (t) => {
  t.equal(cronProblem('0 0 * * *'), undefined);
  t.match(cronProblem('0 25 * * *'), /hour/);
  t.equal(cronProblem('0 0 30 2 *'), 'never comes');
  t.ok(cronProblem('0 0 * *'), 'four fields');
  t.ok(cronProblem('0 0 0 * * *'), 'six fields');
});
