import type { Kernel, Sink } from '../../contract/component.js';
import { systemClock } from '../../engine/clock.js';
import { spec as verifySpec } from '../../operators/verify.js';
import { spec as receivedSpec } from '../../sinks/received.js';
import { openSqliteStore } from '../../stores/sqlite/store.js';
import { bareContext, keptLog } from './bareContext.js';
import { optionsOf } from './options.js';
import { fileItemAt } from './regulator.js';
import { peers } from './sentFiles.js';

// A process of its own that takes one received file in, in small groups: `node receiveProcess.js ARCHIVE FILE [COMMIT]`. It
// kills itself while that commit is under way.

const [path = '', file = '', last = '0'] = process.argv.slice(2);
const store = await openSqliteStore({ path, clock: systemClock, log: keptLog() });
let commits = 0;
const commit: typeof store.commit = (effects) => {
  commits += 1;
  const committing = store.commit(effects);
  if (commits === Number(last)) setImmediate(() => process.kill(process.pid, 'SIGKILL'));
  return committing;
};
const context = {
  ...bareContext({ directory: '.' }),
  peers,
  store: Object.assign(Object.create(store) as typeof store, { commit }),
};
const verify = (await verifySpec.create(optionsOf(verifySpec, { peer: 'operator' }), context)) as Kernel;
const sink = (await receivedSpec.create(optionsOf(receivedSpec, { groupRecords: 10 }), context)) as Sink;
for (const item of await verify.transform(fileItemAt(file))) await sink.write(item);
await store.close();
