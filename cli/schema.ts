import { editorSchema } from '../engine/schema.js';
import { type Command, EXIT, printJson } from './command.js';

export const command: Command = {
  usage: 'schema',
  help: [
    'Prints the JSON schema of a pipeline file. Editors complete and check with it:',
    '',
    '  iovpipe schema > pipeline.schema.json',
    '  # yaml-language-server: $schema=./pipeline.schema.json',
  ].join('\n'),
  options: {},
  positionalsMax: 0,
  async run() {
    printJson(editorSchema());
    return EXIT.done;
  },
};
