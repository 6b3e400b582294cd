import { loadAndCheck } from '../engine/check.js';
import { formatFault } from '../engine/fault.js';
import { type Command, complain, EXIT, printJson } from './command.js';

export const command: Command = {
  usage: 'check [FILE] [--json]',
  help: [
    'Reads FILE (pipeline.yaml) and what it includes, and tells every fault with its place; silence means that it can run.',
    'Nothing is opened and nothing is started. Exit code 1 where there is a fault.',
    '',
    '  --json   the faults as JSON on stdout',
  ].join('\n'),
  options: { json: { type: 'boolean' } },
  positionalsMax: 1,
  async run({ values, positionals }) {
    const { faults } = await loadAndCheck(positionals[0] ?? 'pipeline.yaml');
    if (values.json) printJson(faults);
    else if (faults.length > 0) complain(faults.map(formatFault).join('\n\n'));
    return faults.length === 0 ? EXIT.done : EXIT.refused;
  },
};
