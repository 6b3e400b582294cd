import { readFileSync } from 'node:fs';
import { type Command, EXIT, print } from './command.js';

export const command: Command = {
  usage: 'version',
  help: 'Shows the version.',
  options: {},
  positionalsMax: 0,
  async run() {
    // Two folders up from dist/cli/version.js.
    const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
      version: string;
    };
    print(manifest.version);
    return EXIT.done;
  },
};
