import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { iovpipe } from '../support/cli.js';
import { agedSite, CARDS } from '../support/endedService.js';
import { IovpipeProcess } from '../support/iovpipeProcess.js';
import { silentServer } from '../support/silentServer.js';
import { SITE, writeSite } from '../support/site.js';
import { within } from '../support/within.js';

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

t.test('a purge that is asked to stop beside a silent ClickHouse ends within its bound', async (t) => {
  const folder = await agedSite(t);
  const { called, port } = await silentServer(t);
  const file = join(folder, 'pipeline.yaml');
  const url = `http://127.0.0.1:${port}`;
  const archive = `archive: { clickhouse: { url: "${url}", ledger: var/archive.db, requestTimeoutMs: 600000 } }\ndrainMs: 1000\n`;
  writeFileSync(file, readFileSync(file, 'utf8').replace(/^archive: .*\n/m, archive));
  const purge = new IovpipeProcess(['purge'], folder);
  t.teardown(() => purge.signal('SIGKILL'));
  await within(60_000, 'a call for the records', called());
  purge.signal('SIGTERM');
  t.same(await within(60_000, 'the end', purge.ended), { code: 2, signal: null }, purge.words);
  t.match(purge.words, 'not stopped 15000 ms after the 1000 ms');
});
