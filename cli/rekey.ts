import { stat } from 'node:fs/promises';
import { IovError } from '../contract/error.js';
import { checked } from './checked.js';
import { type Command, EXIT, print } from './command.js';

export const command: Command = {
  usage: 'rekey [FILE] [--unseal]',
  help: [
    'Seals the SQLite file that FILE (pipeline.yaml) names with the key that `seal` names: for the first time, or after a',
    'change of key, where `seal.previous` is how it is sealed now. Stop the daemon before. A copy is made and takes the',
    'file’s place when it is complete, so it needs as much disk again, and may be broken off at any time.',
    '',
    '  --unseal   makes it plain again; afterwards take `seal` out of FILE',
  ].join('\n'),
  options: { unseal: { type: 'boolean' } },
  positionalsMax: 1,
  audited: ({ positionals: [file], values }) => ({ file, what: values.unseal ? '--unseal' : '' }),
  async run(given) {
    const [file = 'pipeline.yaml'] = given.positionals;
    const config = await checked(file);
    if (!config) return EXIT.refused;
    const { archivePath, seal } = config;
    if (!seal)
      throw new IovError('CONFIG_INVALID', `${file}: expected seal: { key: "\${secret:archive.key}" }, got none`);
    await stat(archivePath).catch((cause: unknown) => {
      throw new IovError('STORE_FAILED', `${archivePath}: there is no such file; a new one is sealed from the start`, {
        cause,
      });
    });
    const { opensWith, rekey } = await import('../stores/sqlite/rekey.js');
    const wanted = given.values.unseal ? undefined : seal;
    if (await opensWith(archivePath, wanted)) {
      print(`${archivePath} is ${wanted ? 'sealed with this key' : 'plain'} already`);
      return EXIT.done;
    }
    for (const now of [seal.previous, undefined, seal]) {
      if (!(await opensWith(archivePath, now))) continue;
      await rekey(archivePath, now, wanted);
      print(`${archivePath} is ${wanted ? `sealed with ${wanted.cipher}` : 'plain'} now`);
      return EXIT.done;
    }
    throw new IovError('STORE_FAILED', `${archivePath}: neither seal.key nor seal.previous.key opens it`);
  },
};
