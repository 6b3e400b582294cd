import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { type Command, complain, EXIT, oneOf, print, textOption } from './command.js';
import { secretsScript } from './secretsScript.js';

/** What a role begins with: the shipped files, by the name that they get. */
const ROLES = {
  operator: { pipeline: 'pipeline.yaml', peers: 'peers.yaml', login: 'oem' },
  oem: { pipeline: 'pipelines/oem.yaml', peers: 'pipelines/peers/oem.yaml', login: undefined },
  regulator: { pipeline: 'pipelines/regulator.yaml', peers: 'pipelines/peers/regulator.yaml', login: 'operator' },
} as const;
const ROLE_NAMES = Object.keys(ROLES) as (keyof typeof ROLES)[];

export const command: Command = {
  usage: 'init operator|oem|regulator [--out DIR]',
  help: [
    'Writes what a role begins with into DIR: a commented pipeline.yaml, its peers and logins, tests, the schemas for editors, and',
    'secrets/make.sh, which makes keys, passwords and certificates for a first try. Nothing is overwritten: where one of the',
    'files is there already, nothing is written at all. Then: sh secrets/make.sh, iovpipe test, iovpipe check.',
    '',
    '  --out DIR   the folder; made if it is missing (the working directory)',
  ].join('\n'),
  options: { out: { type: 'string' } },
  words: { '': ROLE_NAMES },
  positionalsMax: 1,
  async run(given) {
    const role = oneOf(ROLE_NAMES, given.positionals[0], 'init');
    const folder = resolve(textOption(given, 'out') ?? '.');
    const files = await filesOf(ROLES[role]);
    const there = [...files.keys()].filter((name) => existsSync(join(folder, name)));
    if (there.length > 0) {
      complain(`iovpipe: there already, and nothing is overwritten: ${there.join(', ')}`);
      return EXIT.refused;
    }
    await mkdir(join(folder, 'secrets'), { recursive: true, mode: 0o700 });
    for (const [name, text] of files) {
      await writeFile(join(folder, name), text, { flag: 'wx', mode: name.startsWith('secrets/') ? 0o600 : 0o644 });
    }
    print([...files.keys()].map((name) => relative('.', join(folder, name))).join('\n'));
    complain('next: read pipeline.yaml and peers.yaml; sh secrets/make.sh; iovpipe test; iovpipe check; iovpipe run');
    return EXIT.done;
  },
};

async function filesOf({ pipeline, peers, login }: (typeof ROLES)[keyof typeof ROLES]): Promise<Map<string, string>> {
  const tests = pipeline.replace(/\.yaml$/, '.test.yaml');
  const texts = new Map([
    ['pipeline.yaml', await shipped(pipeline)],
    ['peers.yaml', await shipped(peers)],
    ['pipeline.test.yaml', await shipped(tests)],
  ]);
  if (login !== undefined)
    texts.set('logins.yaml', (await shipped('pipelines/peers/logins.yaml')).replace('NAME', login));
  const script = secretsScript([...texts.values()].join('\n'));
  return new Map([
    ...[...texts].map(([name, text]) => [name, text.replace('$schema=../', '$schema=./')] as const),
    ['pipeline.schema.json', await shipped('pipeline.schema.json')],
    ['test.schema.json', await shipped('test.schema.json')],
    ['secrets/make.sh', script],
    ['secrets/.gitignore', '*\n!.gitignore\n!make.sh\n'],
  ]);
}

/** A file of the package: two folders up from dist/cli/init.js. */
const shipped = (name: string) => readFile(new URL(`../../${name}`, import.meta.url), 'utf8');
