import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { iovpipe } from '../support/cli.js';
import { agedSite, CARDS } from '../support/endedService.js';
import { SITE, writeSite } from '../support/site.js';

t.test('purge counts, takes, and keeps a log; it asks for a retention', async (t) => {
  const folder = await agedSite(t);
  const dry = await iovpipe(['purge', '--dry-run', '--json'], folder);
  t.match(dry, { code: 0, stderr: '' });
  t.match(JSON.parse(dry.stdout), { cards: 1, records: 1, pictures: 1, kept: 0 });
  t.match((await iovpipe(['purge', '--log'], folder)).stdout, 'no purges');
  const done = await iovpipe(['purge', '--vacuum'], folder);
  t.match(done, { code: 0, stderr: '', stdout: /^cards +1$[\s\S]*^pictures +1$/m });
  t.strictSame(readdirSync(join(folder, 'var', 'pictures')), [CARDS.here]);
  t.match((await iovpipe(['purge', '--log'], folder)).stdout, /begun +finished +days +cards[\s\S]* 731 +1 +1 /);
  t.match(JSON.parse((await iovpipe(['purge', '--log', '--json'], folder)).stdout), [
    { cards: 1, afterServiceDays: 731 },
  ]);
  t.equal((await iovpipe(['trace', CARDS.gone], folder)).code, 1);
  t.match(await iovpipe(['purge', '--archive', 'x'], folder), { code: 64 });
  writeSite(folder, SITE);
  t.match(await iovpipe(['purge'], folder), { code: 1, stderr: /expected retention/ });
});
