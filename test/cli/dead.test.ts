import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { DeadLetter } from '../../contract/store.js';
import { makeCertificates } from '../../demo/certificates.js';
import { freePort } from '../../demo/site.js';
import { newSshKeys } from '../../demo/sshKeys.js';
import { iovpipe } from '../support/cli.js';
import { type Heard, post } from '../support/httpsChannel.js';
import { ACCOUNTS_IN, intakeAt, intakeFiles } from '../support/intake.js';
import { IovpipeProcess } from '../support/iovpipeProcess.js';
import { accountMessage, registration } from '../support/messages.js';
import { writeSite } from '../support/site.js';
import { until } from '../support/until.js';

const SECOND_CARD = { ...registration, ICCID: '89860012345678905678' };
const FULL = '一证多卡超过上限，请用户到电信企业指定营业厅办理';

const pipeline = (port: number) => `${intakeAt(port)}outbox: var/outbox
pipelines:
${ACCOUNTS_IN}  cards-in:
    source: { file: { path: cards.ndjson } }
    operators:
      - map: { rename: { Card: CardNumber } }
      - join: { registrations: ICCID }
      - order: { table: 12 }
    sink: { archive: { kind: KH, code: "0002" } }
  backfill:
    schedule: manual
    source: { file: { path: old.ndjson, resume: false } }
    operators:
      - validate: { table: 12 }
      - order: { table: 12 }
      - split: { name: "KH_0002_{cutoff}_F_{seq}" }
      - zip: {}
    sink: { directory: { directory: var/inbox } }
`;

const DROP_BOX = `peers: \${file:peers.yaml}
archive: { sqlite: { path: var/archive.db } }
outbox: var/outbox
pipelines:
  pack:
    schedule: manual
    source: { file: { path: vehicles.ndjson, as: message, resume: false } }
    operators:
      - order: { table: 10, omit: [Auth] }
      - split: { name: "CL_LSV1_{cutoff}_P_{seq}" }
      - zip: {}
    sink: { directory: { directory: box/operator } }
  inbox:
    source: { sftpServer: { listen: "127.0.0.1:PORT", hostKey: "\${secret:host.key}", logins: "\${file:logins.yaml}", directory: box } }
    operators:
      - verify: { peer: operator, bytesMax: 1000 }
    sink: { discard: {} }
`;

/** An operator whose daemon is up; one card a person. */
async function operator(t: Test) {
  const folder = t.testdir();
  const tls = await makeCertificates();
  const port = await freePort();
  writeSite(folder, {
    'pipeline.yaml': pipeline(port),
    ...intakeFiles(tls),
    'cards.ndjson': '{"Card":"89860012345678901234","IMSI":"460040123456789"}\n{"spoiled\n',
    'old.ndjson': '{"OperType":"1"}\n',
  });
  const daemon = new IovpipeProcess(['run'], folder);
  t.teardown(() => daemon.signal('SIGKILL'));
  await daemon.ready();
  const send = (requestId: string, record = registration): Promise<Heard> =>
    post(`https://127.0.0.1:${port}/t1/account`, tls.ca, JSON.stringify(accountMessage(requestId, {}, record)));
  const letters = async (): Promise<DeadLetter[]> => JSON.parse((await iovpipe(['dead', '--json'], folder)).stdout);
  const change = (from: string, to: string) => {
    const path = join(folder, 'pipeline.yaml');
    writeFileSync(path, readFileSync(path, 'utf8').replace(from, to));
  };
  return { folder, daemon, send, letters, change };
}

t.test('a card above the limit is kept, and sent again beside the daemon once a reviewer allows it', async (t) => {
  const { folder, daemon, send, letters, change } = await operator(t);
  t.match((await send('R-1')).body, { OprRst: '1' });
  t.match((await send('R-2', SECOND_CARD)).body, { OprRst: '2', FailureCause: FULL });
  const [letter] = (await letters()).filter(({ pipeline }) => pipeline === 'accounts-in');
  t.match(letter, { code: 'CARD_LIMIT', state: 'waiting', tags: { requestId: 'R-2' } });
  const id = String(letter?.id);

  const again = await iovpipe(['dead', 'retry', id], folder);
  t.equal(again.code, 2, 'the limit still holds');
  t.equal(again.stdout, '0 sent again, 1 failed again\n');
  t.match(again.stderr, `iovpipe: dead letter ${id}: CARD_LIMIT the person holds 1 cards`);
  t.match((await letters()).find((one) => String(one.id) === id)?.state, 'waiting');

  change('max: 1 ', 'max: 2 ');
  const allowed = await iovpipe(['dead', 'retry', id, '--json'], folder);
  t.equal(allowed.code, 0, allowed.stderr);
  t.strictSame(JSON.parse(allowed.stdout), { retried: 1, failed: [], refused: [] });
  t.equal((await letters()).find((one) => String(one.id) === id)?.state, 'retried');
  const trace = await iovpipe(['trace', 'R-2'], folder);
  t.match(trace.stdout, /accepted .*R-2/);
  t.match(trace.stdout, /waiting .*waits for the operator's card data/);

  t.match((await send('R-2', SECOND_CARD)).body, { OprRst: '1' }, 'the sender hears of it when it asks again');
  const twice = await iovpipe(['dead', 'retry', id], folder);
  t.equal(twice.code, 1);
  t.match(twice.stderr, `dead letter ${id}: it has been sent again already`);

  daemon.signal('SIGTERM');
  t.match(await daemon.ended, { code: 0 });
});

t.test('letters of a file go again, all or those of one pipeline; what fails again has its new reason', async (t) => {
  const { folder, daemon, letters, change } = await operator(t);
  await daemon.says(({ msg, pipeline }) => msg === 'pipeline has ended' && pipeline === 'cards-in');
  t.match((await letters()).sort(byCode), [{ code: 'MESSAGE_NOT_JSON' }, { code: 'RECORD_INVALID' }]);

  change('Card: CardNumber', 'Card: ICCID');
  const other = await iovpipe(['dead', 'retry', '--pipeline', 'accounts-in'], folder);
  t.match(other, { code: 0, stdout: '0 sent again, 0 failed again\n' });
  const all = await iovpipe(['dead', 'retry', '--all'], folder);
  t.equal(all.code, 2);
  t.equal(all.stdout, '1 sent again, 1 failed again\n');
  t.match(all.stderr, /dead letter \d+: MESSAGE_NOT_JSON JSON: malformed/);
  t.match(
    (await letters()).sort(byCode).map(({ code, state }) => [code, state]),
    [
      ['MESSAGE_NOT_JSON', 'waiting'],
      ['RECORD_INVALID', 'retried'],
    ],
  );
  t.match((await iovpipe(['status'], folder)).stdout, '1 waiting for a registration');
});

t.test('what cannot be sent again is told, and nothing is done', async (t) => {
  const { folder, daemon, letters, change } = await operator(t);
  await daemon.says(({ msg, pipeline }) => msg === 'pipeline has ended' && pipeline === 'cards-in');
  const ended = spawnSync(process.execPath, ['--version']).pid;
  const parts = [`${process.pid}-lives.part`, `${ended}-ended.part`].map((name) => join(folder, 'var/outbox', name));
  for (const part of parts) writeFileSync(part, '');
  t.match(await iovpipe(['run', '--once', 'backfill'], folder), { code: 0 }, 'beside the daemon, whose port it leaves');
  t.strictSame(parts.map(existsSync), [true, false], 'what another process is packing stays');
  const cut = (await letters()).find(({ pipeline }) => pipeline === 'backfill');
  const refused = await iovpipe(['dead', 'retry', String(cut?.id), '999'], folder);
  t.equal(refused.code, 1);
  t.match(refused.stderr, 'backfill cuts numbered files; put the mended records into a file and run it');
  t.match(refused.stderr, 'dead letter 999: there is no such letter');
  t.equal(refused.stdout, '0 sent again, 0 failed again\n');
  change('cards-in:', 'cards-inward:');
  const unknown = await iovpipe(['dead', 'retry', '--all'], folder);
  t.equal(unknown.code, 1);
  t.match(unknown.stderr, /has no pipeline cards-in\n/);
});

t.test('a received file that was refused is verified again where it lies, beside the drop box', async (t) => {
  const folder = t.testdir();
  const keys = await newSshKeys();
  const messages = Array.from({ length: 30 }, (_, number) => ({
    RequestID: `R-${number}`,
    Code: 'LSV1',
    EncryptCarInfo: 'q83v',
  }));
  const login = { username: 'operator', publicKey: keys.publicKey.trim() };
  writeSite(folder, {
    'pipeline.yaml': DROP_BOX.replace('PORT', String(await freePort())),
    'peers.yaml': JSON.stringify({
      operator: { platformId: 'P', password: `\${secret:password}`, cipher: { key: `\${secret:key}` } },
    }),
    'secrets/password': 'a password',
    'secrets/key': '0123456789abcdef0123456789abcdef',
    'secrets/host.key': keys.privateKey,
    'logins.yaml': JSON.stringify([login]),
    'vehicles.ndjson': messages.map((message) => `${JSON.stringify(message)}\n`).join(''),
  });
  const packed = await iovpipe(['run', '--once', 'pack', '--cutoff', '2022111600'], folder);
  t.equal(packed.code, 0, packed.stderr);
  const daemon = new IovpipeProcess(['run'], folder);
  t.teardown(() => daemon.signal('SIGKILL'));
  await daemon.says(({ code }) => code === 'MESSAGE_TOO_LARGE');
  const listed = async () => JSON.parse((await iovpipe(['dead', '--json'], folder)).stdout);
  await until('its letter, which is kept after it is told', async () => (await listed()).length === 1);
  const path = join(folder, 'pipeline.yaml');
  writeFileSync(path, readFileSync(path, 'utf8').replace('bytesMax: 1000', 'bytesMax: 100000'));
  const retried = await iovpipe(['dead', 'retry', '--pipeline', 'inbox'], folder);
  t.match(retried, { code: 0, stdout: '1 sent again, 0 failed again\n' }, retried.stderr);
});

t.test('a wrong command line of retry ends with 64', async (t) => {
  const folder = t.testdir();
  for (const words of [[], ['1', '--all'], ['x'], ['1', '--pipeline', 'a'], ['1', '--archive', 'a.db']]) {
    const { code, stderr } = await iovpipe(['dead', 'retry', ...words], folder);
    t.equal(code, 64, words.join(' '));
    t.match(stderr, 'dead retry');
  }
});

const byCode = (one: { code: string }, other: { code: string }) => one.code.localeCompare(other.code);
