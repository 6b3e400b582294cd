import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import t, { type Test } from 'tap';
import { signNature } from '../../notice/signature.js';
import { post } from '../support/httpsChannel.js';
import { IovpipeProcess } from '../support/iovpipeProcess.js';
import { NotifySocket, skipWithoutNotify } from '../support/notifySocket.js';
import { AFTERNOON_MS, type OperatorSite, operatorSite } from '../support/operatorSite.js';
import { cardRecord } from '../support/records.js';
import { writeSite } from '../support/site.js';

const skip = skipWithoutNotify(t);
const NOWHERE = { host: '127.0.0.1', port: 1, username: 'nobody', privateKey: 'none', hostKey: 'any' };

/** The daemon as systemd would run it, with a watchdog of 400 ms. */
async function daemon(t: Test, folder: string, nowMs?: number) {
  const socket = await NotifySocket.open(t);
  const environment = { NOTIFY_SOCKET: socket.address, WATCHDOG_USEC: '400000' };
  const process = new IovpipeProcess(['run', 'pipeline.yaml'], folder, nowMs, undefined, environment);
  t.teardown(() => process.signal('SIGKILL'));
  return { socket, process };
}

async function operator(t: Test) {
  const folder = t.testdir({});
  const site = await operatorSite({
    folder,
    server: NOWHERE,
    upload: '/upload',
    bytesMax: 100_000,
    files: { 'no.crt': 'none' },
  });
  const running = await daemon(t, folder, AFTERNOON_MS);
  await running.process.says(({ pipeline, msg }) => pipeline === 'cards-in' && /ended/.test(msg)); // the last of its start
  return { site, ...running };
}

const change = (path: string, from: string, to: string) => {
  const before = readFileSync(path, 'utf8');
  if (!before.includes(from)) throw new Error(`${path} does not hold ${from}`);
  writeFileSync(path, before.replace(from, to));
};

function vehicle({ maker }: OperatorSite, requestId: string): string {
  const auth = { PlatformID: maker.platformId, SignNature: signNature(maker.platformId, maker.password) };
  return JSON.stringify({ Auth: auth, RequestID: requestId, Code: maker.codes[0], EncryptCarInfo: 'c2VjcmV0' });
}

t.test('the daemon says that it is ready, alive, reloading and stopping', { skip }, async (t) => {
  t.setTimeout(300_000);
  const { socket, process: run } = await operator(t);
  await socket.says(['READY=1', /^STATUS=\d+ pipelines/]);
  t.match(socket.heard[0], /READY=1/, 'nothing was said before');
  const from = socket.heard.length;
  await socket.says(['WATCHDOG=1'], from);
  await socket.says(['WATCHDOG=1'], socket.heard.length);
  await t.test('a file that has not changed touches nothing', async (t) => {
    const before = socket.heard.length;
    const said = run.said.length;
    run.signal('SIGHUP');
    await socket.says(['RELOADING=1', /^MONOTONIC_USEC=\d+$/], before);
    await socket.says(['READY=1', /reloaded .*: nothing differs$/], before);
    await run.says(({ msg }) => /^reload/.test(msg), said); // the log comes by another way
    t.match(
      run.said.slice(said),
      [{ msg: 'reloaded: nothing differs', restarted: [], started: [], stopped: [], closed: [], opened: [] }],
      'one line, and no other',
    );
    t.equal(run.said.length, said + 1);
  });
  run.signal('SIGTERM');
  await socket.says(['STOPPING=1', /^STATUS=stopping/]);
  t.same(await run.ended, { code: 0, signal: null }, run.words);
});

t.test('a reload with a faulty file changes nothing, and says why', { skip }, async (t) => {
  t.setTimeout(300_000);
  const { socket, process: run, site } = await operator(t);
  await socket.says(['READY=1']);
  for (const [from, to, why] of [
    ['limitCards: { max: 10 }', 'limitCards: { max: lots }', /1 faults in .*limitCards/],
    ['archive: { sqlite: { path: var/archive.db } }', 'archive: { sqlite: { path: var/other.db } }', /restart only/],
    ['cert: ${file:t1.crt}', 'cert: ${file:no.crt}', /certificate or key/],
  ] as const) {
    const [before, said] = [socket.heard.length, run.said.length];
    change(site.path, from, to);
    run.signal('SIGHUP');
    await socket.says(['READY=1', /reload refused/], before);
    await run.says(({ msg }) => /^reload/.test(msg), said);
    t.match(run.said.slice(said), [{ alarm: 'reloadRefused', msg: why }]);
    change(site.path, to, from);
    const heard = await post(site.url.vehicle, site.ca, vehicle(site, `AFTER-${said}`));
    t.match(heard.body, { OprRst: '1' }, 'it runs on as before');
  }
  run.signal('SIGTERM');
  t.same(await run.ended, { code: 0, signal: null }, run.words);
});

t.test('a reload starts anew what differs, and nothing else', { skip }, async (t) => {
  t.setTimeout(300_000);
  const { socket, process: run, site } = await operator(t);
  await socket.says(['READY=1']);
  const reloaded = async () => {
    const before = run.said.length;
    run.signal('SIGHUP');
    return run.says(({ msg }) => /^reload/.test(msg), before);
  };
  await t.test('a request of another pipeline under way is finished', async (t) => {
    const body = vehicle(site, 'LONG-1');
    const sending = request(site.url.vehicle, {
      method: 'POST',
      ca: site.ca,
      agent: false,
      headers: { 'content-length': Buffer.byteLength(body), expect: '100-continue' },
    });
    sending.flushHeaders();
    await once(sending, 'continue'); // the pipeline waits for its body
    sending.write(body.slice(0, 20));
    change(site.path, 'limitCards: { max: 10 }', 'limitCards: { max: 11 }');
    t.match(await reloaded(), { restarted: ['accounts-in'], started: [], stopped: [], closed: [], opened: [] });
    sending.end(body.slice(20));
    const [reply] = await once(sending, 'response');
    t.match(JSON.parse(await text(reply)), { RequestID: 'LONG-1', OprRst: '1' });
    const answer = await post(site.url.account, site.ca, vehicle(site, 'X')); // not one of its own
    t.match(answer.body, { FailureCause: '400' }, 'the one that was restarted answers');
  });
  await t.test('a peer that changes starts anew who has asked for it', async (t) => {
    change(join(site.folder, 'peers.yaml'), '"platformId": "MIIT-PLATFORM"', '"platformId": "MIIT-PLATFORM-2"');
    const { restarted } = await reloaded();
    t.ok((restarted as string[]).includes('commands-in'), `${restarted}`);
    t.notOk((restarted as string[]).includes('pictures-in'), 'it knows the car maker alone');
  });
  await t.test('a connection that changes is closed and opened, with who uses it', async (t) => {
    change(site.path, 'key: ${secret:t2.key}', 'key: ${secret:t2.key}\n      connectionsMax: 100');
    t.match(await reloaded(), { restarted: ['commands-in'], closed: ['t2'], opened: ['t2'] });
    const { body } = await post(site.url.command, site.ca, '{}');
    t.match(body, { OprRst: '2', FailureCause: '400' }, 'it listens again');
  });
  await t.test('a pipeline that goes is stopped, and started when it comes back', async (t) => {
    const whole = readFileSync(site.path, 'utf8');
    writeFileSync(site.path, whole.replace(/^ {2}vehicles-in:.*?(?=^ {2}\S)/ms, ''));
    t.match(await reloaded(), { restarted: [], stopped: ['vehicles-in'], started: [] });
    t.match((await post(site.url.vehicle, site.ca, vehicle(site, 'GONE-1'))).body, { OprRst: '2' });
    writeFileSync(site.path, whole);
    t.match(await reloaded(), { restarted: [], stopped: [], started: ['vehicles-in'] });
    t.match((await post(site.url.vehicle, site.ca, vehicle(site, 'BACK-1'))).body, { OprRst: '1' });
  });
  run.signal('SIGTERM');
  t.same(await run.ended, { code: 0, signal: null }, run.words);
});

t.test('a stuck pipeline is no longer reported as alive; once it goes on, it is', { skip }, async (t) => {
  t.setTimeout(300_000);
  const silent = createServer(); // takes connections, and says nothing
  const connected: Socket[] = [];
  silent.on('connection', (socket) => connected.push(socket.on('error', () => undefined)));
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  t.teardown(() => silent.close());
  const { port } = silent.address() as AddressInfo;
  const folder = t.testdir({});
  writeSite(folder, {
    'pipeline.yaml': `stuckMs: 5000
archive: { sqlite: { path: var/archive.db } }
pipelines:
  idle:
    source: { directoryWatch: { directory: inbox, match: ["*"] } }
    sink: { directory: { directory: outbox } }
  asking:
    source: { file: { path: records.ndjson } }
    operators:
      - order: { table: 12 }
    sink: { https: { url: "https://127.0.0.1:${port}/", timeoutMs: 300_000, retry: { attemptsMax: 1 } } }
`,
    'inbox/.keep': '',
    'records.ndjson': `${JSON.stringify(cardRecord())}\n`,
  });
  const { socket, process: run } = await daemon(t, folder);
  await socket.says(['READY=1']);
  await socket.says(['WATCHDOG=1']);
  await run.says(({ alarm, pipeline }) => alarm === 'pipelineStuck' && pipeline === 'asking');
  await socket.says([/^STATUS=asking is stuck; 2 pipelines/]);
  await socket.silence();
  const stuck = socket.heard.findIndex((said) => said.includes('is stuck'));
  t.notMatch(socket.heard.slice(stuck).join('\n'), /WATCHDOG/);
  for (const one of connected) one.destroy(); // the item fails, and the pipeline goes on
  const from = socket.heard.length;
  await socket.says(['WATCHDOG=1'], from);
  await socket.says(['WATCHDOG=1'], socket.heard.length);
  t.pass('one that has nothing to do is alive');
  run.signal('SIGTERM');
  t.match(await run.ended, { signal: null }, run.words);
});
