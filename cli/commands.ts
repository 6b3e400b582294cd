import type { Commands } from './command.js';

export const commands: Commands = {
  demo: {
    summary: 'car maker, operator and regulator on this machine, and a check of what arrived',
    load: () => import('./demo.js'),
  },
  check: { summary: 'all faults of a pipeline file, or silence', load: () => import('./check.js') },
  migrate: {
    summary: 'makes the tables of an archive in ClickHouse, or brings them up to date',
    load: () => import('./migrate.js'),
  },
  run: { summary: 'runs the pipelines of a file, or one of them once', load: () => import('./run.js') },
  replay: {
    summary: 'archived Kafka topics or files through a pipeline again, by time or offset',
    load: () => import('./replay.js'),
  },
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
  top: { summary: 'what the daemon does now, live', load: () => import('./top.js') },
  tap: { summary: 'items as they pass, masked', load: () => import('./tap.js') },
  rekey: { summary: 'seals the archive at rest with another key', load: () => import('./rekey.js') },
  audit: { summary: 'who sent, looked at, retried or purged what', load: () => import('./audit.js') },
  test: { summary: 'runs the tests that stand beside a pipeline file', load: () => import('./test.js') },
  graph: { summary: 'draws the pipelines: mermaid, dot, SVG', load: () => import('./graph.js') },
  init: { summary: 'a pipeline file to begin with: operator, oem or regulator', load: () => import('./init.js') },
  list: { summary: 'components and their options', load: () => import('./list.js') },
  schema: { summary: 'the JSON schema of a pipeline file, for editors', load: () => import('./schema.js') },
  completion: { summary: 'completes command lines in bash, zsh and fish', load: () => import('./completion.js') },
  version: { summary: 'the version', load: () => import('./version.js') },
  help: { summary: 'this page, or what a command does', load: () => import('./help.js') },
};
