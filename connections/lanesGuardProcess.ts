import { machineMs } from './machineClock.js';

// Runs as a process of its own beside a daemon that holds lanes: `node lanesGuardProcess.js GUARD_MS`. A process that was
// stopped (SIGSTOP, a debugger, swapping) cannot close its connections, and others are about to get its lanes: so it is
// killed, and the kernel closes them. It ends when the channel to the daemon closes, whatever signals go to the group.
const guardMs = Number(process.argv[2]);
const daemon = process.ppid;
const lookMs = Math.max(20, Math.floor(guardMs / 10));

let aliveAtMs = machineMs();
let lookedAtMs = aliveAtMs;
let patientUntilMs = 0;
let forgivenAtMs = 0;

const look = () => {
  const now = machineMs();
  const wasAsleep = now - lookedAtMs > guardMs / 2;
  lookedAtMs = now;
  // whatever put this process to sleep may have held the daemon, too, which wakes now: it gets its time anew, once a silence
  if (wasAsleep && forgivenAtMs < aliveAtMs) {
    forgivenAtMs = aliveAtMs;
    patientUntilMs = now + guardMs;
  }
  if (now - aliveAtMs > guardMs && now > patientUntilMs && process.connected) process.kill(daemon, 'SIGKILL');
};

const looking = setInterval(look, lookMs);
// it counts from when it was sent: one that waited here says nothing of the time since
process.on('message', (sentAtMs: number) => {
  aliveAtMs = Math.max(aliveAtMs, sentAtMs);
});
process.once('disconnect', () => clearInterval(looking));
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => undefined);
process.send?.('watching');
