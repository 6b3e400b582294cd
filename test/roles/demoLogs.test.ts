import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import type { JsonObject } from '../../contract/tags.js';
import { tableOf } from '../../notice/tables/index.js';

const MAIN = fileURLToPath(new URL('../../cli/main.js', import.meta.url));
/** `IOVPIPE_RECORDS=20000` for the long form, some five minutes. */
const RECORDS = Number(process.env.IOVPIPE_RECORDS ?? 200);

/** Every value of a personal field in what the demo made up: car maker's, operator's, and the commands' cards. */
async function personalValues(out: string): Promise<Set<string>> {
  const names = new Set(
    [8, 11, 12].flatMap((table) =>
      tableOf(table)
        .fields.filter(({ personal }) => personal)
        .map(({ name }) => name),
    ),
  );
  const values = new Set<string>();
  const collect = (fields: JsonObject) => {
    for (const [name, value] of Object.entries(fields)) {
      if (value !== null && typeof value === 'object' && !Array.isArray(value)) collect(value as JsonObject);
      else if (names.has(name))
        for (const each of [value].flat()) if (typeof each === 'string' && each.length > 1) values.add(each);
    }
  };
  for (const file of ['oem/sent.ndjson', 'oem/registrations.ndjson', 'oem/vehicles.ndjson', 'operator/cards.ndjson'])
    for await (const line of createInterface(createReadStream(join(out, file)))) if (line) collect(JSON.parse(line));
  return values;
}

/** The values that stand in a text: looked for in its runs of letters and digits, so that a million of them is no matter. */
function found(text: string, values: ReadonlySet<string>): string[] {
  const lengths = new Set([...values].map((value) => value.length));
  const runs = new Set(text.match(/[\p{L}\p{N}]{2,}/gu) ?? []);
  return [...runs].flatMap((run) =>
    [...lengths].flatMap((length) =>
      Array.from({ length: Math.max(0, run.length - length + 1) }, (_, at) => run.slice(at, at + length)).filter(
        (part) => values.has(part),
      ),
    ),
  );
}

const MS = RECORDS > 1_000 ? 1_200_000 : 600_000;
t.setTimeout(MS);

t.test('nothing that the demo logs, at its most talkative, names a person, a number or an address', async (t) => {
  const folder = t.testdir();
  const out = join(folder, 'out');
  const log = await open(join(folder, 'log'), 'w');
  const words = ['demo', '--out', out, '--records', String(RECORDS), '--photos', '20', '--log', 'debug'];
  const child = spawn(process.execPath, [MAIN, ...words], {
    stdio: ['ignore', log.fd, log.fd],
    timeout: MS / 2,
    killSignal: 'SIGKILL',
  });
  const [code] = await once(child, 'exit');
  await log.close();
  t.equal(code, 0);
  const values = await personalValues(out);
  t.ok(values.size > RECORDS * 4, `${values.size} values to look for`);
  const lines = createInterface(createReadStream(join(folder, 'log')));
  const leaked: string[] = [];
  let count = 0;
  for await (const line of lines) {
    count += 1;
    leaked.push(...found(line, values));
  }
  // A line is an event: a connection, a file, a window, a command. Records go by without one, so that more of them make more
  // lines only by more files.
  t.ok(count >= 200, `${count} lines of log`);
  t.same(leaked, []);
  const [some] = values;
  t.same(found(`x${some}y`, values).slice(0, 1), [some], 'control: one that is there is found');
});
