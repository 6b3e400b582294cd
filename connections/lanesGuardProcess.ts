// Runs as a process of its own beside a daemon that holds lanes: `node lanesGuardProcess.js GUARD_MS`. A process that was
// stopped (SIGSTOP, a debugger, swapping) cannot close its connections, and others are about to get its lanes: so it is
// killed, and the kernel closes them. It ends when the channel to the daemon closes, whatever signals go to the group.
const guardMs = Number(process.argv[2]);
const daemon = process.ppid;
const lookMs = Math.max(20, Math.floor(guardMs / 10));

let heardAtMs = performance.now();
let lookedAtMs = heardAtMs;

const look = () => {
  const nowMs = performance.now();
  const wasAsleep = nowMs - lookedAtMs > guardMs / 2;
  lookedAtMs = nowMs;
  // whatever put this process to sleep may have held the daemon, too, which wakes now: it gets its time anew
  if (wasAsleep) heardAtMs = nowMs;
  if (nowMs - heardAtMs > guardMs && process.connected) process.kill(daemon, 'SIGKILL');
};

const looking = setInterval(look, lookMs);
process.on('message', () => {
  heardAtMs = performance.now();
});
process.once('disconnect', () => clearInterval(looking));
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => undefined);
process.send?.('watching');
