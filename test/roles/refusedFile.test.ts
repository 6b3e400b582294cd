import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { type Agreed, agree } from '../../demo/agreed.js';
import { regulator } from '../../demo/roles.js';
import { SimulatedClock } from '../../engine/clock.js';
import { waitingLetters } from '../../engine/deadLetters.js';
import { cutoffMs } from '../../notice/cutoff.js';
import { dayReport } from '../../notice/dayReport.js';
import { iovpipe } from '../support/cli.js';
import { sftpBatch } from '../support/dropBox.js';
import { type RunningRole, startRole } from '../support/role.js';
import { accounts, album, JPG, lines, sealed, zipped } from '../support/sentFiles.js';
import { HOUR_MS } from '../support/testStore.js';
import { until } from '../support/until.js';

const NAME = 'KH_0002_2026111500_P_000001end.bin';
const ALBUM = 'KH_CMD-7_0002.bin';
const CARD = '89860412101880000012';
const ASIDE = /^20261115010000\d{3}_/;

t.setTimeout(240_000);

t.test('a refused file makes room for the right one, which its sender sends under the same name', async (t) => {
  const agreed = await agree({ folder: t.testdir({}), bytesMax: 100_000_000, makers: ['LSV1'] });
  const clock = new SimulatedClock(cutoffMs('2026111501'));
  const role = await startRole(t, regulator(agreed), { clock });
  const { store, archive, folder } = role;
  const due = { name: 'KH_CMD-7_0002', content: 'KH', requestId: 'CMD-7', code: '0002', iccid: CARD } as const;
  await store.commit([(transaction) => transaction.addDueFile({ ...due, withinMs: 6 * HOUR_MS })]);
  const cipher = agreed.t2.cipher!;
  const right = {
    [NAME]: sealed(await zipped([NAME.replace('.bin', '.txt'), lines(accounts(0, 5))]), cipher),
    [ALBUM]: await album(cipher, ['KH_CMD-7_0002_001.jpg', JPG]),
  };
  const inbox = join(folder, 'inbox');
  const refused = () => readdirSync(join(inbox, 'refused')).sort();

  await t.test('what is cut off is refused and moved, and its letter says where', async (t) => {
    for (const [name, content] of Object.entries(right)) {
      t.equal(await send(agreed, name, content.subarray(0, -16)), 0);
    }
    await until('both are refused', () => store.status().deadLetters === 2);
    await until('both are out of the way', () => readdirSync(inbox).join() === 'refused');
    for (const name of Object.keys(right)) {
      const letter = [...waitingLetters(store)].find(({ origin }) => origin.endsWith(name));
      const [where] = refused().filter((path) => path.endsWith(name));
      t.match(where, ASIDE);
      t.match(letter, { code: 'UNDECRYPTABLE', reason: `; it is kept as refused/${where}` });
      t.match(store.deadLetter(letter?.id ?? 0)?.raw?.toString(), join(inbox, 'refused', where ?? ''));
    }
    t.notOk(reportOf(role, clock).green);
    const { code, stderr } = await iovpipe(['dead', 'retry', '--all', '--file', join(folder, 'pipeline.yaml')], folder);
    t.equal(code, 2, 'they are found where they are, and are as wrong as before');
    t.match(stderr, /UNDECRYPTABLE/);
  });

  await t.test('the right ones are taken, loaded once, and nothing is said against their names any more', async (t) => {
    for (const [name, content] of Object.entries(right)) t.equal(await send(agreed, name, content), 0);
    await until('nothing waits among the dead letters', () => store.status().deadLetters === 0);
    const report = reportOf(role, clock);
    t.match(report, { green: true, wrong: [], windows: [{ state: 'onTime', files: 1, records: 5, faults: [] }] });
    t.match(report.commands, [{ asked: 1, inTime: 1 }]);
    t.match(store.status().records, [{ kind: 'KH', code: '0002', count: 5 }]);
    const { stdout } = await iovpipe(['dead', 'list', '--archive', archive], folder);
    t.equal(stdout.match(/ retried +inbox /g)?.length, 2);
  });

  await t.test('once taken a name is taken: the same bytes are nothing new, others are refused', async (t) => {
    t.equal(await send(agreed, NAME, right[NAME]!), 0);
    t.equal(await send(agreed, NAME, right[NAME]!.subarray(0, -16)), 1);
    t.ok(reportOf(role, clock).green);
    t.equal(refused().length, 2);
  });
});

function reportOf({ store }: RunningRole, clock: SimulatedClock) {
  const question = { day: '20261115', nowMs: clock.now(), expected: [] };
  return dayReport(question, store.received.day(question.day, question.nowMs), waitingLetters(store));
}

/** By the system's `sftp` under the operator's login; its exit code. */
async function send({ folder, keys, ports }: Agreed, name: string, content: Buffer): Promise<number | null> {
  const [path, local] = [join(folder, 'key'), join(folder, 'upload')];
  writeFileSync(path, keys.operator.privateKey, { mode: 0o600 });
  writeFileSync(local, content);
  const login = { username: 'operator', path, hostKeyLine: keys.regulatorHost.publicKey, directory: folder };
  const put = [`put ${local} ${name}.tmp`, `rename ${name}.tmp ${name}`];
  return (await sftpBatch(ports.regulatorSftp, login, put)).code;
}
