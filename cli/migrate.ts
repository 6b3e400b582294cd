import { systemClock } from '../engine/clock.js';
import { checked } from './checked.js';
import { type Command, EXIT, print } from './command.js';

export const command: Command = {
  usage: 'migrate [FILE]',
  help: [
    'Makes the database and the tables of the archive that FILE (pipeline.yaml) names in ClickHouse, or brings them up to this',
    'program; done again it changes nothing. An archive in SQLite is brought up to date by `iovpipe run` itself.',
  ].join('\n'),
  options: {},
  positionalsMax: 1,
  audited: ({ positionals: [file] }) => ({ file, what: '' }),
  async run({ positionals }) {
    const config = await checked(positionals[0] ?? 'pipeline.yaml');
    if (!config) return EXIT.refused;
    if (!config.clickhouse) {
      print('nothing to do: the archive is a SQLite file, which `iovpipe run` brings up to date');
      return EXIT.done;
    }
    const { migrateClickHouse } = await import('../stores/clickhouse/migrate.js');
    const { before, now } = await migrateClickHouse(config.clickhouse, systemClock.now());
    print(before === now ? `schema ${now}: nothing to do` : `schema ${before} is now ${now}`);
    return EXIT.done;
  },
};
