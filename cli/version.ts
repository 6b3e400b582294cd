import { readFileSync } from 'node:fs';
import { type Command, EXIT, print, printJson } from './command.js';

export const command: Command = {
  usage: 'version [--json]',
  help: 'Shows the version.\n\n  --json   as JSON, with that of Node',
  options: { json: { type: 'boolean' } },
  positionalsMax: 0,
  async run({ values }) {
    // Two folders up from dist/cli/version.js.
    const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
      version: string;
    };
    if (values.json) printJson({ version: manifest.version, node: process.versions.node });
    else print(manifest.version);
    return EXIT.done;
  },
};
