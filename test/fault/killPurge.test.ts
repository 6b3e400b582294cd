import t from 'tap';
import { iovpipe } from '../support/cli.js';
import { agedSite, openArchive } from '../support/endedService.js';
import { IovpipeProcess } from '../support/iovpipeProcess.js';
import { within } from '../support/within.js';

t.test('kill -9 in the middle leaves each card whole or gone, and the log counts each once', async (t) => {
  const cards = Array.from({ length: 1_200 }, (_, number) => `8987${String(number).padStart(16, '0')}`);
  const folder = await agedSite(t, cards);
  const looking = await openArchive(folder);
  t.teardown(() => looking.close());
  const purged = () => looking.purges.list(100).reduce((sum, row) => sum + row.cards, 0);
  let killed = 0;
  for (const until of [100, 500]) {
    const process = new IovpipeProcess(['purge'], folder);
    const watch = async () => {
      while (purged() < until) await new Promise<void>((resolve) => setImmediate(resolve));
      process.signal('SIGKILL');
    };
    await within(60_000, `${until} cards purged`, Promise.race([watch(), process.ended]));
    if ((await process.ended).signal === 'SIGKILL') killed += 1;
    const states = new Set(looking.cards({ limit: 10_000 }).map(({ iccid }) => iccid));
    for (const iccid of cards) {
      const traced = looking.trace(iccid).length;
      if (states.has(iccid) ? traced === 0 : traced > 0) t.fail('a card is neither whole nor gone');
    }
  }
  t.ok(killed > 0, `killed ${killed} times`);
  t.match(await iovpipe(['purge'], folder), { code: 0 });
  t.equal(purged(), cards.length + 1);
  const rows = looking.purges.list(100);
  t.equal(rows.filter(({ finishedAt }) => finishedAt === undefined).length, killed);
});
