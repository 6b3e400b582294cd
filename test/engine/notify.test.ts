import { join } from 'node:path';
import t from 'tap';
import { ServiceManager } from '../../engine/notify.js';
import { keptLog } from '../support/bareContext.js';
import { NotifySocket, skipWithoutNotify } from '../support/notifySocket.js';

const skip = skipWithoutNotify(t);
const environment = (more: Record<string, string>) => ({ PATH: process.env.PATH, ...more });

t.test('what is said is heard, in order, at a path and at an abstract name', { skip }, async (t) => {
  for (const wanted of [undefined, `@iovpipe-test-${process.pid}`]) {
    const socket = await NotifySocket.open(t, wanted);
    const { address } = socket;
    const log = keptLog();
    const manager = new ServiceManager(environment({ NOTIFY_SOCKET: address }), log);
    void manager.tell('READY=1', 'STATUS=12 pipelines; 契約: 3 of 4');
    void manager.reloading();
    void manager.tell('STOPPING=1');
    await manager.heard();
    await socket.says(['STOPPING=1']);
    t.match(socket.heard, [
      /^READY=1\nSTATUS=12 pipelines; 契約: 3 of 4\n?$/,
      /^RELOADING=1\nMONOTONIC_USEC=\d+\n?$/,
      /^STOPPING=1\n?$/,
    ]);
    const [, microseconds] = /MONOTONIC_USEC=(\d+)/.exec(socket.heard[1]!)!;
    const ageMs = Number(process.hrtime.bigint() / 1000n - BigInt(microseconds!)) / 1000;
    t.ok(ageMs >= 0 && ageMs < 60_000, 'the time of the clock that systemd compares with');
    t.same(log.lines, []);
  }
});

t.test('a manager that does not answer is noted once, and is no failure', { skip }, async (t) => {
  const log = keptLog();
  const manager = new ServiceManager(environment({ NOTIFY_SOCKET: join(t.testdir({}), 'nobody') }), log);
  await manager.tell('READY=1');
  await manager.tell('WATCHDOG=1');
  t.match(log.lines, [{ level: 'warn', message: 'the service manager cannot be told' }]);
  t.equal(log.lines.length, 1);
});

t.test('without a service manager nothing is said', async (t) => {
  const log = keptLog();
  const manager = new ServiceManager({}, log);
  await manager.tell('READY=1');
  t.notOk(manager.isThere);
  t.same(log.lines, []);
});

t.test('the watchdog is for the process that it names', async (t) => {
  const watchdogOf = (more: Record<string, string>) => new ServiceManager(more, keptLog()).watchdogMs;
  const watched = { NOTIFY_SOCKET: '/run/notify', WATCHDOG_USEC: '30000000' };
  t.equal(watchdogOf(watched), 30_000);
  t.equal(watchdogOf({ ...watched, WATCHDOG_PID: String(process.pid) }), 30_000);
  t.equal(watchdogOf({ ...watched, WATCHDOG_PID: String(process.pid + 1) }), undefined);
  t.equal(watchdogOf({ WATCHDOG_USEC: '30000000' }), undefined, 'nobody to tell');
  t.equal(watchdogOf({ ...watched, WATCHDOG_USEC: 'soon' }), undefined);
});
