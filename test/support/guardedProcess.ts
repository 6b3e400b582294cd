import { Guard } from '../../connections/lanesGuard.js';
import { keptLog } from './bareContext.js';

// Run as `node guardedProcess.js GUARD_MS` with a channel: tells the process id of its guard whenever it has a new one,
// answers what it is asked, cannot start another or can again when told so, and stops when told to.
const { execPath } = process;
const guard = new Guard(Number(process.argv[2]), keptLog(), (pid) => process.send?.(pid));
await guard.start();
process.on('message', (words) => {
  if (words === 'no more guards') process.execPath = '/nowhere';
  if (words === 'guards again') process.execPath = execPath;
  if (words !== 'stop') return void process.send?.('yes');
  void guard.stop().then(() => process.disconnect());
});
