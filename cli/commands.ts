import type { Command } from './command.js';

export interface Entry {
  /** One line for `iovpipe help`. */
  summary: string;
  load(): Promise<{ command: Command }>;
}

/** Every command but `help`, which shows them; a file is loaded when its command is called. */
export const commands: Readonly<Record<string, Entry>> = {
  demo: {
    summary: 'car maker, operator and regulator on this machine, and a check of what arrived',
    load: () => import('./demo.js'),
  },
  check: { summary: 'all faults of a pipeline file, or silence', load: () => import('./check.js') },
  run: { summary: 'runs the pipelines of a file, or one of them once', load: () => import('./run.js') },
  status: { summary: 'the ledger at a glance', load: () => import('./status.js') },
  trace: { summary: 'where a RequestID, a card or a file is', load: () => import('./trace.js') },
  dead: { summary: 'the dead letters', load: () => import('./dead.js') },
  list: { summary: 'components and their options', load: () => import('./list.js') },
  schema: { summary: 'the JSON schema of a pipeline file, for editors', load: () => import('./schema.js') },
  version: { summary: 'the version', load: () => import('./version.js') },
};
