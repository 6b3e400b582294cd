import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { statusPage } from '../../cli/status.js';
import type { HttpsListener } from '../../connections/httpsListener.js';
import type { NewDueFile } from '../../contract/store.js';
import type { JsonObject } from '../../contract/tags.js';
import { makeCertificates } from '../../demo/certificates.js';
import { newCipher, newPassword, writeSite } from '../../demo/site.js';
import { SimulatedClock } from '../../engine/clock.js';
import { DeadLetterSource } from '../../engine/deadLetters.js';
import { watchDueFiles } from '../../engine/dueFiles.js';
import { Engine } from '../../engine/engine.js';
import { signNature } from '../../notice/signature.js';
import { keptLog, type LogLine } from '../support/bareContext.js';
import { checkedConfig } from '../support/checkedConfig.js';
import { post } from '../support/httpsChannel.js';
import { serve } from '../support/serve.js';
import { DAY_16_MS, HOUR_MS, testStore } from '../support/testStore.js';
import { within } from '../support/within.js';

const CARDS = Array.from({ length: 40 }, (_, index) => `898600123456789${String(index).padStart(5, '0')}`);
const STRANGE = '89860099999999999999';
const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);

const PIPELINE = `peers: \${file:peers.yaml}
connections:
  t2: { https: { listen: 127.0.0.1:0, cert: "\${file:t2.crt}", key: "\${secret:t2.key}" } }
archive: { sqlite: { path: var/archive.db } }
pipelines:
  commands-in:
    source: { https: { on: t2, path: /t2/command, request: 5 } }
    operators:
      - authenticate: {}
      - findCard: {}
      - expect: { file: KH, code: "0002" }
      - expect: { file: HT, codeOf: maker }
    sink: { requests: {} }
  pictures-out:
    source: { dueFiles: { file: KH, codes: ["0002"], pollMs: 1, retryDelayMsMin: 1, retryDelayMsMax: 20 } }
    operators:
      - collect: { file: KH, photos: [{ directory: "photos/{iccid}" }] }
      - zip: {}
      - encrypt: { peer: regulator }
    sink: { directory: { directory: inbox } }
`;

/** An operator that takes commands and delivers its own pictures into a directory; its clock stands still. */
async function operator(t: Test) {
  const folder = t.testdir({ photos: {}, inbox: {} });
  const tls = await makeCertificates();
  const regulator = { platformId: 'MIIT', password: newPassword(), codes: [], cipher: newCipher() };
  const files = { 't2.crt': tls.cert };
  const path = writeSite({ folder, pipeline: PIPELINE, peers: { regulator }, secrets: { 't2.key': tls.key }, files });
  const clock = new SimulatedClock(DAY_16_MS);
  const log = keptLog();
  const engine = await Engine.open(await checkedConfig(path), { clock, log, drainMs: 5_000 });
  await engine.store.commit([
    (transaction) => {
      for (const [index, iccid] of CARDS.entries()) {
        const tags = index === 1 ? {} : { code: index === 2 ? 'LFV2' : 'LSV1' };
        transaction.putCardSide(iccid, index === 1 ? 'card' : 'registration', { fields: {}, tags });
      }
    },
  ]);
  const { ready, end: close } = serve(engine);
  t.teardown(close);
  await ready;
  const url = `https://127.0.0.1:${engine.connection<HttpsListener>('t2').port}/t2/command`;
  const Auth = { PlatformID: regulator.platformId, SignNature: signNature(regulator.platformId, regulator.password) };
  const command = async (RequestID: string, ICCID: string, more: JsonObject = {}) => {
    const sent = JSON.stringify({ Auth, RequestID, OperatorID: '0002', ICCID, ...more });
    return (await post(url, tls.ca, sent)).body;
  };
  const photo = (iccid: string) => {
    mkdirSync(join(folder, 'photos', iccid));
    writeFileSync(join(folder, 'photos', iccid, 'front.png'), PNG);
  };
  return { folder, engine, store: engine.store, clock, log, command, photo, close };
}

const until = async (what: string, condition: () => boolean) => {
  const waiting = (async () => {
    while (!condition()) await new Promise((resolve) => setImmediate(resolve));
  })();
  await within(60_000, what, waiting);
};
const alarmsIn = (lines: readonly LogLine[]) =>
  lines.flatMap(({ level, fields }) => ('alarm' in fields ? [{ level, ...(fields as { alarm: string }) }] : []));

t.test('a command is answered, its files are due, and the pictures are delivered', async (t) => {
  const { store, command, photo, folder } = await operator(t);
  photo(CARDS[0]!);
  t.same(await command('CMD-1', CARDS[0]!), { RequestID: 'CMD-1', OprRst: '1' });
  t.match(store.dueFile('HT_CMD-1_LSV1'), { state: 'open', iccid: CARDS[0] });
  await until('the pictures', () => store.dueFile('KH_CMD-1_0002')?.state === 'delivered');
  t.same(readdirSync(join(folder, 'inbox')), ['KH_CMD-1_0002.bin']);
  t.same(await command('CMD-1', CARDS[0]!), { RequestID: 'CMD-1', OprRst: '1' }, 'a retry hears the first answer');
  t.match(await command('CMD-1', CARDS[3]!), { OprRst: '2', FailureCause: '400' }, 'another content');
  t.equal(store.dueFile('KH_CMD-1_0002')?.state, 'delivered');
});

t.test('each fault of a command has its code, and leaves nothing due', async (t) => {
  const { store, command } = await operator(t);
  const wrong: [string, string, JsonObject, string][] = [
    ['CMD-1', STRANGE, {}, '501'],
    ['CMD-2', `${CARDS[0]},${STRANGE}`, {}, '501'],
    ['CMD-3', '../..', {}, '400'],
    ['CMD_4', CARDS[0]!, {}, '400'],
    ['CMD-5', CARDS[0]!, { Auth: { PlatformID: 'MIIT', SignNature: 'x' } }, '401'],
    ['CMD-6', CARDS[0]!, { OperatorID: undefined }, '400'],
  ];
  for (const [id, iccid, more, cause] of wrong) t.match(await command(id, iccid, more), { FailureCause: cause }, id);
  t.same(store.status().dueFiles, []);
  t.same(await command('CMD-1', CARDS[0]!), { RequestID: 'CMD-1', OprRst: '1' }, 'what was refused may come again');
});

t.test('one command names many cards: each car maker owes its own', async (t) => {
  const { store, command } = await operator(t);
  t.match(await command('CMD-1', CARDS.join('，')), { OprRst: '1' });
  const others = CARDS.filter((_, index) => index !== 1 && index !== 2);
  t.match(store.dueFile('HT_CMD-1_LSV1'), { iccid: others.join(',') });
  t.match(store.dueFile('HT_CMD-1_LFV2'), { iccid: CARDS[2] });
  t.match(store.dueFile('HT_CMD-1'), { state: 'failed', reason: 'no car maker has registered this card' });
});

t.test('pictures that never come: three alarms, a dead letter, and a retry that delivers late', async (t) => {
  const { store, command, clock, log, photo, engine, folder } = await operator(t);
  await command('CMD-1', CARDS[0]!);
  const name = 'KH_CMD-1_0002';
  await until('the reason', () => /^NO_PICTURES/.test(store.dueFile(name)?.reason ?? ''));
  const stages: [number, string][] = [
    [3, 'commandHalf'],
    [5.5, 'commandAtRisk'],
    [6, 'commandExpired'],
  ];
  for (const [hours, alarm] of stages) {
    clock.set(DAY_16_MS + hours * HOUR_MS);
    await until(alarm, () => alarmsIn(log.lines).some((line) => line.alarm === alarm));
  }
  t.same(
    alarmsIn(log.lines).map(({ level, alarm }) => `${level} ${alarm}`),
    ['warn commandHalf', 'error commandAtRisk', 'error commandExpired'],
  );
  await until('the end of all tries', () => store.dueFile(name)?.state === 'failed');
  t.match((await store.trace('CMD-1')).find(({ step }) => step === 'expired')?.text, /NO_PICTURES/);
  const page = statusPage(store.status());
  t.match(page, /files due: 1\n/);
  t.match(page, /KH +0002 +0 +0 +0 +1 +1/);
  const [letter] = store.deadLetters();
  t.match(letter, { code: 'COMMAND_EXPIRED', origin: name, pipeline: 'pictures-out', state: 'waiting' });
  photo(CARDS[0]!);
  clock.set(clock.now() + HOUR_MS);
  const source = new DeadLetterSource(store, [letter!.id], 'record');
  await engine.once('pictures-out', { source });
  t.match(source, { retried: 1, failed: [] });
  t.match(store.dueFile(name), { state: 'delivered', reason: undefined });
  t.match(store.deadLetter(letter!.id), { state: 'retried' });
  t.same(readdirSync(join(folder, 'inbox')), [`${name}.bin`]);
  t.match(statusPage(store.status()), /KH +0002 +0 +0 +1 \(1 late\) +0 +0/);
  t.notMatch(JSON.stringify(log.lines), /89860012/, 'no card is named in the log');
});

t.test('one line for a stage and a look, however many files, with ten names', async (t) => {
  const { store, clock } = await testStore(t);
  const log = keptLog();
  const files = Array.from({ length: 2_500 }, (_, index): NewDueFile => {
    const requestId = `CMD-${index}`;
    const withinMs = (index < 2_100 ? 6 : 12) * HOUR_MS;
    return { name: `KH_${requestId}_0002`, content: 'KH', requestId, code: '0002', iccid: '8986', withinMs };
  });
  await store.commit(files.map((file) => (transaction) => transaction.addDueFile(file)));
  const stop = new AbortController();
  const watching = watchDueFiles(store, clock, log, stop.signal);
  const start = clock.now();
  clock.set(start + 7 * HOUR_MS);
  await until('the alarms', () => log.lines.length >= 2);
  t.match(
    alarmsIn(log.lines).sort((one, other) => (one.alarm < other.alarm ? -1 : 1)),
    [
      { level: 'error', alarm: 'commandExpired', count: 2_100, files: { length: 10 } },
      { level: 'warn', alarm: 'commandHalf', count: 400, files: { length: 10 } },
    ],
  );
  clock.set(start + 8 * HOUR_MS);
  clock.set(start + 12 * HOUR_MS);
  await until('the next alarm', () => log.lines.length >= 3);
  stop.abort();
  await within(60_000, 'the end', watching);
  t.equal(log.lines.length, 3, 'each stage is told once');
});

t.test('a store that fails is told, and the watch goes on until it is stopped', async (t) => {
  const { store, clock } = await testStore(t);
  const log = keptLog();
  const stop = new AbortController();
  await store.close();
  const watching = watchDueFiles(store, clock, log, stop.signal);
  await until('the word', () => log.lines.length > 0);
  t.match(log.lines, [{ level: 'error', fields: { alarm: 'deadlinesUnwatched', code: 'STOPPED' } }]);
  stop.abort();
  await within(60_000, 'the end', watching);
});
