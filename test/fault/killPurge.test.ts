import t, { type Test } from 'tap';
import { iovpipe } from '../support/cli.js';
import { agedSite, openArchive } from '../support/endedService.js';
import { IovpipeProcess } from '../support/iovpipeProcess.js';
import { within } from '../support/within.js';

/** A purge that has done all before the kill comes, since this process was busy or stood still, says nothing: then another site. */
const SITES_MAX = 10;

t.setTimeout(600_000);

t.test('kill -9 in the middle leaves each card whole or gone, and the log counts each once', async (t) => {
  let killed = 0;
  for (let sites = 0; killed === 0 && sites < SITES_MAX; sites += 1)
    await t.test(`site ${sites + 1}`, async (t) => {
      killed += await killedInTheMiddle(t);
    });
  t.ok(killed > 0, `killed ${killed} times`);
});

/** @returns how often a purge was killed when some cards had gone, and others had not */
async function killedInTheMiddle(t: Test): Promise<number> {
  const cards = Array.from({ length: 1_200 }, (_, number) => `8987${String(number).padStart(16, '0')}`);
  const folder = await agedSite(t, cards);
  const looking = await openArchive(folder);
  t.teardown(() => looking.close());
  const purged = () => looking.purges.list(100).reduce((sum, row) => sum + row.cards, 0);
  const brokenOff = () => looking.purges.list(100).filter(({ finishedAt }) => finishedAt === undefined).length;
  let killed = 0;
  for (let kills = 0; kills < 2; kills += 1) {
    const [from, before] = [purged(), brokenOff()];
    const process = new IovpipeProcess(['purge'], folder);
    let isOver = false;
    const ended = process.ended.finally(() => {
      isOver = true;
    });
    const watch = async () => {
      while (!isOver && purged() < from + 100) await new Promise<void>((resolve) => setImmediate(resolve));
      process.signal('SIGKILL');
    };
    await within(120_000, '100 more cards purged', watch());
    const { signal } = await ended;
    if (signal === 'SIGKILL' && purged() < cards.length + 1) {
      killed += 1;
      t.equal(brokenOff(), before + 1, `broken off after ${purged()} cards`);
    }
    const states = new Set(looking.cards({ limit: 10_000 }).map(({ iccid }) => iccid));
    for (const iccid of cards) {
      const traced = looking.trace(iccid).length;
      if (states.has(iccid) ? traced === 0 : traced > 0) t.fail('a card is neither whole nor gone');
    }
  }
  const before = brokenOff();
  t.match(await iovpipe(['purge'], folder), { code: 0 });
  t.equal(purged(), cards.length + 1);
  t.equal(brokenOff(), before, 'the last one is done, and those before it are not');
  return killed;
}
