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
  report: {
    summary: 'for the regulator: what came of a day, and what is missing, late or wrong',
    load: () => import('./report.js'),
  },
  dead: { summary: 'the dead letters', load: () => import('./dead.js') },
  sample: { summary: 'records drawn for review, and their verdicts', load: () => import('./sample.js') },
  cards: { summary: 'every card with its state, for the switch side', load: () => import('./cards.js') },
  purge: { summary: 'takes away what need not be kept any longer', load: () => import('./purge.js') },
  list: { summary: 'components and their options', load: () => import('./list.js') },
  schema: { summary: 'the JSON schema of a pipeline file, for editors', load: () => import('./schema.js') },
  version: { summary: 'the version', load: () => import('./version.js') },
};
