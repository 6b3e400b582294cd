import { localTime } from '../notice/cutoff.js';
import { type Command, complain, EXIT, print, printJson } from './command.js';
import { STORE_HELP, storeOptions, withStore } from './store.js';

export const command: Command = {
  usage: 'trace KEY [--file FILE | --archive PATH] [--json]',
  help: [
    'Tells where a RequestID, an ICCID or a file is: accepted, in which window and file, delivered when.',
    'Exit code 1 where nothing is known of it.',
    '',
    STORE_HELP,
  ].join('\n'),
  options: storeOptions,
  positionalsMax: 1,
  audited: true,
  async run(given) {
    const [key] = given.positionals;
    if (key === undefined) {
      complain('iovpipe: trace expects a RequestID, an ICCID or a file name');
      return EXIT.usage;
    }
    const steps = await withStore(given, (store) => store.trace(key));
    if (given.values.json) printJson(steps);
    else if (steps.length === 0)
      complain('iovpipe: nothing is known of that key; it expects a RequestID, an ICCID or a file name');
    else print(steps.map(({ at, step, text }) => `${localTime(at)}  ${step.padEnd(9)}  ${text}`).join('\n'));
    return steps.length === 0 ? EXIT.refused : EXIT.done;
  },
};
