import { editorSchema, testSchema } from '../engine/schema.js';
import { type Command, EXIT, printJson } from './command.js';

export const command: Command = {
  usage: 'schema [--tests]',
  help: [
    'Prints the JSON schema of a pipeline file, or of its tests. Editors complete and check with it:',
    '',
    '  iovpipe schema > pipeline.schema.json',
    '  # yaml-language-server: $schema=./pipeline.schema.json',
    '',
    '  --tests   the schema of a file of tests (pipeline.test.yaml)',
  ].join('\n'),
  options: { tests: { type: 'boolean' } },
  positionalsMax: 0,
  async run({ values }) {
    printJson(values.tests ? testSchema() : editorSchema());
    return EXIT.done;
  },
};
