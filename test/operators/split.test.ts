import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import type { Kernel, WorkerStep } from '../../contract/component.js';
import type { Context } from '../../contract/context.js';
import type { IovError } from '../../contract/error.js';
import type { PackedFile } from '../../contract/file.js';
import type { Item, TextFile } from '../../contract/item.js';
import { oneLine } from '../../contract/oneLine.js';
import type { CipherOptions } from '../../contract/peer.js';
import { Receipt } from '../../contract/receipt.js';
import type { Store } from '../../contract/store.js';
import { createCipher } from '../../crypto/cipher.js';
import { systemClock } from '../../engine/clock.js';
import { runChain } from '../../engine/stream.js';
import { cutoffMs } from '../../notice/cutoff.js';
import { spec } from '../../operators/split.js';
import { openSqliteStore } from '../../stores/sqlite/store.js';
import { Packer } from '../../workers/packer.js';
import { bareContext, keptLog } from '../support/bareContext.js';
import { optionsOf } from '../support/options.js';

const cipher: CipherOptions = {
  name: 'sm4-cbc',
  key: '00112233445566778899aabbccddeeff',
  iv: 'prefix',
  encoding: 'base64',
};
const STEPS: WorkerStep[] = [
  { worker: 'zip', level: 6 },
  { worker: 'encrypt', cipher },
];
const CUTOFF = '2022111600';

interface Bench {
  folder: string;
  store: Store;
  packer: Packer;
  close(): Promise<void>;
}

async function bench(): Promise<Bench> {
  const folder = mkdtempSync(join(tmpdir(), 'iovpipe-split-'));
  const store = await openSqliteStore({ path: join(folder, 'archive.db'), clock: systemClock, log: keptLog() });
  const packer = new Packer(store, folder);
  const close = async () => {
    await packer.close();
    await store.close();
    rmSync(folder, { recursive: true });
  };
  return { folder, store, packer, close };
}

/** Runs records through split and the packer; gives the packed files, and what became of each record. */
async function run(on: Bench, records: readonly Buffer[], options: object, steps = STEPS) {
  const context: Context = {
    ...bareContext({ directory: on.folder, store: on.store }),
    run: { cutoff: CUTOFF, atMs: 0, again: false },
  };
  const kernel = (await spec.create(
    optionsOf(spec, { name: 'KH_0002_{cutoff}_F_{seq}', ...options }),
    context,
  )) as Kernel;
  const files: PackedFile[] = [];
  const settled: (IovError | undefined)[] = [];
  async function* source(): AsyncGenerator<Item> {
    for (const [index, bytes] of records.entries()) {
      const receipt = new Receipt((error) => {
        settled[index] = error;
      });
      yield { value: oneLine(bytes), tags: {}, origin: `record ${index}`, receipt, effects: [] };
    }
  }
  const signal = new AbortController().signal;
  const step = async (item: Item) => ({ ...item, value: await on.packer.pack(item.value as TextFile, steps, signal) });
  let failure: IovError | undefined;
  await runChain({
    source: source(),
    stages: [{ kernels: [kernel] }, { step, atOnce: 2 }],
    sink: { concurrency: 1, write: async (item) => void files.push(item.value as PackedFile) },
    failed: async (item, error) => {
      failure ??= error;
      item.receipt.failed(error);
    },
    arrived: () => undefined,
    signal,
  });
  await kernel.close?.(failure);
  files.sort((one, other) => one.name.localeCompare(other.name));
  return { files, settled, failure };
}

/** What a receiver reads: decrypted, unzipped by unzip. */
function textOf(file: PackedFile, folder: string): string {
  const zip = join(folder, 'read.zip');
  const bytes = readFileSync(file.path);
  execFileSync('tee', [zip], { input: createCipher(cipher).decrypt(bytes), stdio: ['pipe', 'ignore', 'inherit'] });
  return execFileSync('unzip', ['-p', zip], { encoding: 'utf8' });
}

const record = (index: number, size: number) => Buffer.from(`{"ICCID":"${index}","x":"${'张'.repeat(size)}"}`);

t.test('records are cut into files just below the bound, in order, whole, the last one saying end', async (t) => {
  const on = await bench();
  t.teardown(on.close);
  const records = Array.from({ length: 40 }, (_, index) => record(index, 20 + (index % 7)));
  const { files, settled } = await run(on, records, { bytesMax: 1_000 });
  const texts = files.map((file) => textOf(file, on.folder));
  t.equal(texts.join(''), records.map((bytes) => `${bytes}\n`).join(''));
  for (const text of texts) t.ok(Buffer.byteLength(text) <= 1_000);
  t.same(
    files.map(({ name }) => name),
    files.map(
      (_, index) =>
        `KH_0002_${CUTOFF}_F_${String(index + 1).padStart(6, '0')}${index === files.length - 1 ? 'end' : ''}.bin`,
    ),
  );
  t.equal(settled.length, 40);
  t.ok(settled.every((error) => error === undefined));
});

t.test('no file could have taken the first record of the next one', async (_t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 0, max: 300 }), { maxLength: 60, size: 'max' }),
      fc.constantFrom('lines', 'array'),
      async (sizes, format) => {
        const on = await bench();
        try {
          const records = sizes.map((size, index) => record(index, size));
          const { files } = await run(on, records, { bytesMax: 1_000, format });
          const texts = files.map((file) => textOf(file, on.folder));
          const read = texts.flatMap((text) =>
            format === 'array'
              ? (JSON.parse(text) as unknown[]).map((value) => JSON.stringify(value))
              : text.split('\n').slice(0, -1),
          );
          if (read.join('\n') !== records.join('\n')) throw new Error('the records are not those that went in');
          let next = 0;
          for (const text of texts.slice(0, -1)) {
            next += format === 'array' ? (JSON.parse(text) as unknown[]).length : text.split('\n').length - 1;
            if (Buffer.byteLength(text) + records[next]!.length + 1 <= 1_000) throw new Error('a file ended too early');
          }
        } finally {
          await on.close();
        }
      },
    ),
    { seed: 2022, numRuns: 12 },
  );
});

t.test('without a record there is one empty file that says end', async (t) => {
  const on = await bench();
  t.teardown(on.close);
  const { files } = await run(on, [], {});
  t.same(
    files.map(({ name }) => name),
    [`KH_0002_${CUTOFF}_F_000001end.bin`],
  );
  t.equal(textOf(files[0]!, on.folder), '');
});

t.test('a record above the bound is a dead letter, and the others go on', async (t) => {
  const on = await bench();
  t.teardown(on.close);
  const records = [record(0, 10), record(1, 500), record(2, 10)];
  const { files, settled } = await run(on, records, { bytesMax: 1_000 });
  t.equal(textOf(files[0]!, on.folder), `${records[0]}\n${records[2]}\n`);
  const [letter, ...others] = on.store.deadLetters();
  t.match(letter, { code: 'MESSAGE_TOO_LARGE', origin: 'record 1', reason: /1[0-9]* bytes.*1000 bytes/ });
  t.same(others, []);
  t.equal(settled.length, 3);
});

t.test('a window of which every record is above the bound has its empty file, and arrives with it', async (t) => {
  const on = await bench();
  t.teardown(on.close);
  const kernel = (await spec.create(
    optionsOf(spec, { name: 'KH_{code}_{cutoff}_P_{seq}', bytesMax: 1_000 }),
    bareContext({ directory: on.folder, store: on.store }),
  )) as Kernel;
  const settled: string[] = [];
  const blockOf = async (code: string, bytes: Buffer): Promise<Item> => {
    const key = { kind: 'KH', code, cutoff: CUTOFF, type: 'P' } as const;
    const window = await on.store.openWindow(key, cutoffMs(CUTOFF), 'test');
    const value = Object.assign(oneLine(bytes, 1), { window });
    const receipt = new Receipt((error) => void settled.push(error?.code ?? code));
    return { value, tags: { code }, origin: code, receipt, effects: [] };
  };
  const given = [
    ...(await kernel.transform(await blockOf('0001', record(0, 500)))),
    ...(await kernel.transform(await blockOf('0002', record(1, 10)))),
    ...((await kernel.flush?.()) ?? []),
  ];
  const plans = await Promise.all(given.map(({ value }) => (value as TextFile).plan));
  t.same(
    plans.map(({ baseName, records }) => [baseName, records]),
    [
      [`KH_0001_${CUTOFF}_P_000001end`, 0],
      [`KH_0002_${CUTOFF}_P_000001end`, 1],
    ],
  );
  await on.store.commit([]); // behind the dead letter
  t.equal(on.store.deadLetters().length, 1);
  t.same(settled, [], 'nothing has been delivered');
  for (const { receipt } of given) receipt.arrived();
  t.same(settled, ['0001', '0002']);
  await kernel.close?.();
});

t.test('run again, the same files come back byte for byte, and delivered ones are not packed again', async (t) => {
  const on = await bench();
  t.teardown(on.close);
  const records = Array.from({ length: 30 }, (_, index) => record(index, 25));
  const first = await run(on, records, { bytesMax: 1_000 });
  const bytes = first.files.map(({ path }) => readFileSync(path));
  await on.store.fileDelivered(first.files[0]!.plan!.baseName, '/upload/x');
  rmSync(first.files[0]!.path);
  rmSync(first.files[1]!.path); // as if the machine had died before it was written
  const again = await run(on, records, { bytesMax: 1_000 });
  t.equal(again.files[0]!.plan?.state, 'delivered');
  t.notOk(readdirSync(on.folder).includes(first.files[0]!.name));
  t.same(
    again.files.slice(1).map(({ path }) => readFileSync(path)),
    bytes.slice(1),
  );
});

t.test('a window that has begun keeps its cut, whatever has been configured since', async (t) => {
  const on = await bench();
  t.teardown(on.close);
  const records = Array.from({ length: 30 }, (_, index) => record(index, 25));
  const first = await run(on, records, { bytesMax: 1_000 });
  const again = await run(on, records, { bytesMax: 2_000 });
  t.same(
    again.files.map(({ name }) => name),
    first.files.map(({ name }) => name),
  );
});

t.test('a source that gives something else the second time is refused, and nothing is replaced', async (t) => {
  const on = await bench();
  t.teardown(on.close);
  const records = Array.from({ length: 30 }, (_, index) => record(index, 25));
  const first = await run(on, records, { bytesMax: 1_000 });
  const bytes = readFileSync(first.files.at(-1)!.path);
  const again = await run(on, [...records, record(99, 3)], { bytesMax: 1_000 });
  t.match(again.failure, { code: 'WINDOW_CONFLICT' });
  t.same(readFileSync(first.files.at(-1)!.path), bytes);
});

t.test('zip without encrypt gives a .zip', async (t) => {
  const on = await bench();
  t.teardown(on.close);
  const { files } = await run(on, [record(1, 1)], {}, [{ worker: 'zip', level: 9 }]);
  t.same(
    files.map(({ name }) => name),
    [`KH_0002_${CUTOFF}_F_000001end.zip`],
  );
  t.equal(execFileSync('unzip', ['-p', files[0]!.path], { encoding: 'utf8' }), `${record(1, 1)}\n`);
});
