import { type Static, Type } from '../../contract/schema.js';

const Values = (description: string) =>
  Type.Array(Type.Unknown(), { maxItems: 10_000, expected: 'a list', description });
/** Named in part: of what came, only what is named is compared. */
const Named = <Fields extends Record<string, ReturnType<typeof Type.Optional>>>(fields: Fields, description: string) =>
  Type.Array(Type.Object(fields, { additionalProperties: false }), { maxItems: 10_000, description });
const Text = (description: string) => Type.Optional(Type.String({ description }));

const Given = Type.Object(
  {
    message: Type.Optional(
      Type.Record(Type.String(), Type.Unknown(), {
        expected: 'a mapping: the fields of a message',
        description: 'A message of table 1, 5, 7 or 10.',
      }),
    ),
    record: Type.Optional(
      Type.Record(Type.String(), Type.Unknown(), {
        expected: 'a mapping: the fields of a record',
        description: 'A record of table 8, 11 or 12.',
      }),
    ),
    file: Type.Optional(
      Type.String({
        pattern: '^[A-Za-z0-9_][A-Za-z0-9_.-]{0,250}$',
        expected: 'a file name',
        description: 'The name of a file; what it holds is its `content`.',
      }),
    ),
    content: Type.Optional(
      Type.Unknown({
        description:
          'Of a file: a text as it is, or the entries of a zip by name, each a text, `base64:…`, or a list of records.',
      }),
    ),
    from: Text(
      'The peer who sends it: signs a message that has no Auth and encrypts the plain record in it; encrypts a zip as .bin.',
    ),
  },
  { additionalProperties: false },
);
export type Given = Static<typeof Given>;

const Expected = Type.Object(
  {
    sent: Type.Optional(
      Values('Every record or message that left for a peer or a topic, its encrypted field in plain.'),
    ),
    files: Type.Optional(
      Type.Record(Type.String(), Type.Unknown(), {
        expected: 'a mapping of files by name',
        description: 'Every file that was delivered, decrypted and unzipped: its entries by name, or its text.',
      }),
    ),
    archived: Type.Optional(Values('Every record that the archive took: { kind, code, record }.')),
    failed: Type.Optional(
      Named(
        {
          given: Type.Optional(Type.Integer({ minimum: 1, description: 'Which of the given, from 1.' })),
          code: Text('The error code (docs/errors.md).'),
          answer: Text('FailureCause, as the peer is told it.'),
          fields: Type.Optional(Type.Array(Type.String(), { description: 'Fields that were wrong.' })),
        },
        'Every item that failed. Where this is left out nothing may fail.',
      ),
    ),
    deadLetters: Type.Optional(
      Named({ code: Text('Its error code.'), origin: Text('Where the item came from.') }, 'Every new dead letter.'),
    ),
    due: Type.Optional(
      Named(
        {
          name: Text('Base name of the file.'),
          code: Text('Who owes it.'),
          state: Text('open, asked, delivered or failed.'),
        },
        'Every file that is due or was, afterwards.',
      ),
    ),
  },
  { additionalProperties: false },
);
export type Expected = Static<typeof Expected>;

const TIME = Type.String({
  pattern: '^\\d{4}-\\d{2}-\\d{2} \\d{2}:\\d{2}(:\\d{2})?$',
  expected: 'a time, YYYY-MM-DD HH:MM',
  description: 'What the clock says, in Asia/Shanghai; it stands still.',
});

const StepOptions = Type.Object(
  {
    run: Type.String({ description: 'The pipeline, which runs once.' }),
    at: Type.Optional(TIME),
    cutoff: Type.Optional(
      Type.String({
        pattern: '^\\d{10}$',
        expected: 'an hour, YYYYMMDDHH',
        description: 'The end of the window; by default the last one that is due.',
      }),
    ),
    given: Type.Optional(
      Type.Array(Given, {
        maxItems: 10_000,
        description:
          'What its source gives. Without it the source itself runs: archive, or file with a file of `files`.',
      }),
    ),
    expect: Type.Object(Expected.properties, {
      additionalProperties: false,
      default: {},
      description: 'What must come of it. What is not named is not compared, except that nothing may fail.',
    }),
  },
  { additionalProperties: false },
);
export type StepOptions = Static<typeof StepOptions>;

/** A file of tests, beside the pipeline file that it tests: `pipeline.test.yaml`. */
export const TestFileSchema = Type.Object(
  {
    secrets: Type.Record(Type.String(), Type.String(), {
      default: {},
      expected: 'a mapping of secrets by name',
      description:
        'In place of the secrets of these names; any other is made up: 32 hex digits. Real ones are never read.',
    }),
    files: Type.Record(Type.String(), Type.Unknown(), {
      default: {},
      expected: 'a mapping of files by path',
      description:
        'Files by their path from the pipeline file: in place of those it includes, and there for those it reads. A text, `base64:…`, or data.',
    }),
    tests: Type.Array(
      Type.Object(
        {
          name: Type.String({ minLength: 1, maxLength: 200, description: 'What is tested, as a sentence.' }),
          steps: Type.Array(StepOptions, {
            minItems: 1,
            maxItems: 100,
            expected: 'a list of steps, each { run, given, expect }',
            description: 'Runs of pipelines, one after another, on one archive that is empty at first.',
          }),
        },
        { additionalProperties: false },
      ),
      {
        minItems: 1,
        maxItems: 1_000,
        expected: 'a list of tests, each { name, steps }',
        description: 'Each with an archive of its own.',
      },
    ),
  },
  { additionalProperties: false },
);
export type TestFile = Static<typeof TestFileSchema>;
