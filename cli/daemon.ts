import { ControlClient } from '../dashboard/client.js';
import type { Given } from './command.js';
import { ledgerOf } from './store.js';

/** Asks the daemon that runs on the archive which `--archive`, or the pipeline file, names. */
export async function daemonOf(given: Given): Promise<ControlClient> {
  return new ControlClient(await ledgerOf(given));
}
