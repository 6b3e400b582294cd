import { join } from 'node:path';
import t from 'tap';
import { iovpipe } from '../support/cli.js';
import { agedSite, CARDS } from '../support/endedService.js';

t.test('every card is written with its state, by ICCID, or those of one state', async (t) => {
  const folder = await agedSite(t);
  const all = await iovpipe(['cards', '--json'], folder);
  t.match(all, { code: 0, stderr: '' });
  const lines = all.stdout.trim().split('\n');
  t.match(
    lines.map((line) => JSON.parse(line)),
    [
      { iccid: CARDS.gone, state: 'ended', since: '2022-11-14T16:00:00.000Z' },
      { iccid: CARDS.here, state: 'complete' },
      { iccid: CARDS.unregistered, state: 'unregistered' },
      { iccid: CARDS.waiting, state: 'waitingForCard' },
    ],
  );
  const limited = await iovpipe(['cards', '--state', 'unregistered'], folder);
  t.equal(limited.stdout, '89860000000000000003  unregistered    2022-11-15 00:00:00\n');
  const ended = await iovpipe(['cards', '--state', 'ended', '--archive', join(folder, 'var/archive.db')], folder);
  t.match(ended.stdout, new RegExp(`^${CARDS.gone} `));
  t.match(await iovpipe(['cards', '--state', 'lost'], folder), { code: 64, stderr: /expected one of unregistered/ });
});
