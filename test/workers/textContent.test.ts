import fc from 'fast-check';
import t from 'tap';
import { IovError } from '../../contract/error.js';
import type { Lines } from '../../contract/item.js';
import { oneLine } from '../../contract/oneLine.js';
import { CHUNK_BYTES, type Format, TextContent, textBytes } from '../../workers/textContent.js';

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** A stretch of an archive: nothing in memory, read when it is asked for. */
function stretch(records: readonly Uint8Array[], asLines: boolean): Lines {
  return {
    count: records.length,
    residentBytes: 0,
    sizeOf: (index) => records[index]!.length,
    positionOf: (index) => index,
    async *read(from, to) {
      for (const record of records.slice(from, to)) {
        await turn();
        yield record;
      }
    },
    ...(asLines && {
      lines: (from: number, to: number) => records.slice(from, to).flatMap((record) => [record, Buffer.from('\n')]),
    }),
  };
}

const framed = (format: Format, records: readonly Uint8Array[]): Buffer => {
  const texts = records.map((record) => Buffer.from(record).toString('latin1'));
  const whole = format === 'lines' ? texts.map((text) => `${text}\n`).join('') : `[${texts.join()}]`;
  return Buffer.from(whole, 'latin1');
};

async function collected(content: TextContent): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const chunk of content) {
    pieces.push(Buffer.from(chunk));
    if (chunk.byteLength === CHUNK_BYTES) content.reuse(chunk.fill(0)); // whoever gives a chunk back is done with it
  }
  return Buffer.concat(pieces);
}

t.test(
  'records come out in the order they went in, those in memory and those of an archive, however they are mixed',
  async () => {
    const size = fc.oneof({ weight: 6, arbitrary: fc.nat(300) }, fc.nat(1_500_000));
    const record = fc.tuple(size, fc.integer({ min: 97, max: 122 })).map(([bytes, fill]) => Buffer.alloc(bytes, fill));
    const block = fc.oneof(
      record.map((bytes) => ({ records: [bytes], lines: oneLine(bytes) })),
      fc
        .tuple(fc.array(record, { minLength: 1, maxLength: 4 }), fc.boolean())
        .map(([records, asLines]) => ({ records, lines: stretch(records, asLines) })),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom<Format>('lines', 'array'),
        fc.array(fc.tuple(block, fc.nat(3)), { maxLength: 12 }),
        fc.constantFrom(1_000, 4_000_000),
        async (format, blocks, residentBytesMax) => {
          const content = new TextContent(format, residentBytesMax);
          const read = collected(content);
          for (const [{ records, lines }, turns] of blocks) {
            content.append(lines, 0, records.length);
            await content.ready;
            for (let each = 0; each < turns; each += 1) await turn();
          }
          content.close();
          const expected = framed(
            format,
            blocks.flatMap(([{ records }]) => records),
          );
          return content.bytes === expected.length && (await read).equals(expected);
        },
      ),
      { seed: 7, numRuns: 60 },
    );
  },
);

t.test('who appends waits while more than its bound is not taken', async (t) => {
  const content = new TextContent('lines', 2 * CHUNK_BYTES);
  const bytes = Buffer.alloc(CHUNK_BYTES, 'x');
  for (let filled = 0; filled < 2; filled += 1) {
    content.append(oneLine(bytes), 0, 1);
    t.equal(content.ready, undefined);
  }
  content.append(oneLine(bytes), 0, 1);
  let isReady = false;
  const ready = content.ready?.then(() => {
    isReady = true;
  });
  await turn();
  t.equal(isReady, false, 'three chunks are full');
  const chunks = content[Symbol.asyncIterator]();
  await chunks.next();
  await ready;
  t.equal(isReady, true, 'one of them was taken');
});

t.test('who reads hears that the file was given up, and who appends waits no longer', async (t) => {
  const content = new TextContent('lines', 1_000);
  content.append(oneLine(Buffer.alloc(2 * CHUNK_BYTES)), 0, 1);
  const ready = content.ready;
  t.ok(ready);
  content.abandon(new IovError('STOPPED', 'given up'));
  await ready;
  await t.rejects(collected(content), { code: 'STOPPED' });
});

t.test('records of a file that nobody reads are counted, and kept nowhere', async (t) => {
  const content = new TextContent('array', 1_000);
  content.discard();
  for (let each = 0; each < 3; each += 1) {
    content.append(oneLine(Buffer.alloc(CHUNK_BYTES)), 0, 1);
    t.equal(content.ready, undefined);
  }
  t.equal(content.bytes, 3 * CHUNK_BYTES + '[,,]'.length);
  t.equal(textBytes('array', 7), 9);
  t.equal(textBytes('lines', 7), 8);
});
