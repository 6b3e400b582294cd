import { Guard } from '../../connections/lanesGuard.js';
import { keptLog } from './bareContext.js';

// Run as `node guardedProcess.js GUARD_MS [FIRST]` with a channel: tells the process id of its guard whenever it has a new
// one, answers how many lines it has logged, cannot start another or can again when told so, and stops when told to. With
// FIRST, that is run in place of Node at first.
const { execPath } = process;
process.execPath = process.argv[3] ?? execPath;
const log = keptLog();
const guard = new Guard(Number(process.argv[2]), log, (pid) => process.send?.(pid));
process.on('message', (words) => {
  if (words === 'no more guards') process.execPath = '/nowhere';
  if (words === 'guards again') process.execPath = execPath;
  if (words !== 'stop') return void process.send?.(log.lines.length);
  void guard.stop().then(() => process.disconnect());
});
await guard.start();
