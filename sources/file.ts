import { defineSource } from '../contract/component.js';
import type { Fault } from '../contract/error.js';
import { Type } from '../contract/schema.js';
import { DirectoryRecords } from '../files/directoryRecords.js';
import { FileRecords } from '../files/fileRecords.js';
import { watchOptions } from '../files/fileWatch.js';
import { GLOB } from '../files/globs.js';

/** Whether a path stands for the files of a directory. */
const isPattern = (path: string) => /[*?]/.test(path);
const { pollMs, waitingMax, staleTmpMs } = watchOptions;

const HOW_A_FILE_IS_READ =
  'A spoiled line goes to the dead letters with its number and the rest goes on. After a stop or a crash reading goes on after the last line that was handled; a file whose size or time has changed is read anew. Before `split`, set `resume: false`: its files are all or nothing, so that an interrupted run begins anew and finds in the ledger what has been delivered.';

const HOW_A_DIRECTORY_IS_READ = [
  'With a `*` or `?` in the last part of `path` the files of a directory are read in order of their names, one after the other,',
  'each once: the ledger remembers the size and time of what has been read, and the files stay where they are. A file is read',
  'when its size and its time are the same in two looks, and never while its name ends in `.tmp`; names with other characters',
  'than letters, digits, `.`, `_` and `-` are passed over. One that is damaged as a whole (a `.gz` that breaks off) becomes a',
  'dead letter. One that cannot be opened is told once, and the others go on: with `follow` it is tried again at each look,',
  'without it the run fails when the others have been read. Without `follow` what still grows is left to the next run.',
].join('\n');

export const spec = defineSource({
  name: 'file',
  summary:
    'Reads records from a file, or from those of a directory: line JSON, a JSON array, or CSV; packed by gzip too.',
  description: `${HOW_A_FILE_IS_READ}\n\n${HOW_A_DIRECTORY_IS_READ}`,
  gives: 'record',
  givesFor: ({ as }) => as,
  failuresGoTo: 'deadLetters',
  lasts: 'finite',
  lastsFor: ({ follow }) => (follow ? 'run' : 'finite'),
  options: Type.Object(
    {
      path: Type.String({
        minLength: 1,
        description:
          'The file, relative to the pipeline file; or, with `*` for any characters and `?` for one in its name, all of a directory.',
        examples: ['cards.ndjson.gz', 'outgoing/*.ndjson'],
      }),
      format: Type.Optional(
        Type.Union([Type.Literal('lines'), Type.Literal('array'), Type.Literal('csv')], {
          description:
            '`lines`: one JSON object a line. `array`: one JSON array of objects. `csv`: with a header. By default as the name says: `.json` array, `.csv` csv, else lines.',
        }),
      ),
      as: Type.Union([Type.Literal('record'), Type.Literal('message')], {
        default: 'record',
        description: 'What a line is: a plain record (table 8, 11, 12), or a message (table 7, 10).',
      }),
      lists: Type.Record(Type.String(), Type.String({ minLength: 1 }), {
        default: {},
        description: 'CSV columns that hold lists, with what separates their entries.',
        examples: [{ ServiceType: '|' }],
      }),
      lineBytesMax: Type.Integer({
        default: 1_048_576,
        minimum: 100,
        maximum: 100_000_000,
        description: 'Greatest size of a line or element; a larger one is a dead letter, and is never held in memory.',
      }),
      resume: Type.Boolean({ default: true, description: 'Go on where an earlier run stopped.' }),
      inFlightMax: Type.Integer({
        default: 10_000,
        minimum: 1,
        maximum: 1_000_000,
        description: 'With `resume`: lines that may be on their way at once.',
      }),
      positionEvery: Type.Integer({
        default: 1_000,
        minimum: 1,
        maximum: 1_000_000,
        description: 'With `resume`: lines after which the position is stored where no sink stores it with them.',
      }),
      follow: Type.Boolean({
        default: false,
        description:
          'Of a directory: wait for further files, instead of ending when those that are there have been read.',
      }),
      pollMs,
      waitingMax,
      staleTmpMs,
    },
    { additionalProperties: false },
  ),
  examples: [
    { title: 'The operator’s card data', yaml: 'path: cards.ndjson' },
    { title: 'CSV of old cards, lists by bars', yaml: 'path: old-cards.csv.gz\nlists: { ServiceType: "|" }' },
    { title: 'All records at once, before split', yaml: 'path: records.ndjson\nresume: false' },
    {
      title: 'A car maker’s registrations, as its other systems put them into a directory',
      yaml: 'path: outgoing/*.ndjson\nas: message\nfollow: true',
    },
  ],
  check: ({ path, resume, follow }) => faultsOf(path, resume, follow),
  create: (options, context) =>
    isPattern(options.path) ? new DirectoryRecords(options, context) : new FileRecords(options.path, options, context),
});

/** What the schema cannot say of a path that stands for many files. */
function faultsOf(path: string, resume: boolean, follow: boolean): Fault[] {
  const fault = (field: string, rule: string, value: string): Fault => ({ field, label: '', rule, value });
  const many = 'where path names the files of a directory';
  if (!isPattern(path)) return follow ? [fault('follow', `false, but ${many} (outgoing/*.ndjson)`, 'true')] : [];
  const at = path.lastIndexOf('/') + 1;
  const isSound = !isPattern(path.slice(0, at)) && new RegExp(GLOB).test(path.slice(at));
  const name = '* and ? in the last part alone, beside letters, digits, . _ and -';
  return [
    ...(isSound ? [] : [fault('path', name, path)]),
    ...(resume ? [] : [fault('resume', `true ${many}`, 'false')]),
  ];
}
