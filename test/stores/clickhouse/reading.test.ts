import assert from 'node:assert/strict';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { SimulatedClock } from '../../../engine/clock.js';
import { cutoffOf } from '../../../notice/cutoff.js';
import { Records } from '../../../stores/clickhouse/records.js';
import { Tables } from '../../../stores/clickhouse/schema.js';
import { ClickHouseServer } from '../../../stores/clickhouse/server.js';
import { sql } from '../../../stores/clickhouse/sql.js';
import { archiveAt, clickHouseStore, newArchive, startClickHouse } from '../../support/clickhouse.js';
import { append, DAY_16_MS, newRecord } from '../../support/testStore.js';

const server = await startClickHouse();
if (server) t.teardown(() => server.stop());
const skip = server ? false : 'no ClickHouse';

t.test('whatever a text holds, it stays a text in a query', { skip }, async (t) => {
  const asked = await ClickHouseServer.create(archiveAt(server?.url ?? '', 'none'));
  t.teardown(() => asked.close());
  const nasty = fc.string({
    unit: fc.constantFrom("'", '\\', '\0', '\n', '\t', '"', '`', '--', '/*', ')', '车', '😀', ' OR 1'),
  });
  await fc.assert(
    fc.asyncProperty(fc.oneof(nasty, fc.string({ unit: 'grapheme' })), async (text) => {
      const [row] = await asked.rows('asking', sql`SELECT hex(${text}), ${1}`);
      assert.deepEqual(row, [Buffer.from(text).toString('hex').toUpperCase(), '1']);
    }),
    { numRuns: 60, seed: 18 },
  );
  t.throws(() => sql`SELECT ${0.5}`, { code: 'INTERNAL' });
});

t.test(
  'a window is read in order of position, however it is divided, and each byte as it came',
  { skip },
  async (t) => {
    let runs = 0;
    const folder = t.testdir({});
    const record = fc.record({
      partition: fc.integer({ min: 0, max: 3 }),
      offset: fc.integer({ min: 0, max: 200_000 }),
      size: fc.integer({ min: 1, max: 60 }),
      inside: fc.boolean(),
      again: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(record, { maxLength: 60, selector: ({ partition, offset }) => `${partition}/${offset}` }),
        fc.integer({ min: 1, max: 40 }),
        async (records, recordsMax) => {
          runs += 1;
          const archive = await newArchive(server ?? { url: '' }, join(folder, `${runs}.db`));
          const clock = new SimulatedClock(DAY_16_MS + 1);
          const { store } = await clickHouseStore(t, archive, { clock });
          const made = records.map(({ partition, offset, size, inside }) => ({
            ...newRecord(''),
            position: partition * 2 ** 40 + offset,
            acceptedAt: inside ? DAY_16_MS - 1 : DAY_16_MS,
            // neither UTF-8 nor text; only a newline ends a record
            bytes: Buffer.from(
              Array.from(
                { length: size },
                (_, index) => [0x09, 0x5c, 0xff, 0x00, 0x27, offset % 256 === 10 ? 1 : offset % 256][index % 6]!,
              ),
            ),
          }));
          await append(store, ...made);
          await append(store, ...made.filter((_, index) => records[index]?.again));
          const expected = made
            .filter((_, index) => records[index]?.inside)
            .sort((one, other) => one.position - other.position);
          const row = await store.openWindow(
            { kind: 'KH', code: '0002', cutoff: cutoffOf(DAY_16_MS), type: 'F' },
            DAY_16_MS,
            'f',
          );
          const found = {
            positions: [] as number[],
            sizes: [] as number[],
            lines: [] as Uint8Array[],
            records: [] as Uint8Array[],
          };
          for await (const stretch of store.stretches(row, recordsMax)) {
            found.positions.push(...stretch.positions);
            found.sizes.push(...stretch.sizes);
            const half = Math.floor(stretch.sizes.length / 2);
            for (const [from, to] of [
              [0, half],
              [half, stretch.sizes.length],
            ] as const)
              for await (const piece of store.lines(row, stretch, from, to)) found.lines.push(piece);
          }
          for await (const bytes of store.records(row, -1, 2 ** 43)) found.records.push(Buffer.from(bytes));
          assert.deepEqual(
            found.positions,
            expected.map(({ position }) => position),
          );
          assert.deepEqual(
            found.sizes,
            expected.map(({ bytes }) => bytes.length),
          );
          assert.deepEqual(
            Buffer.concat(found.lines),
            Buffer.concat(expected.flatMap(({ bytes }) => [bytes, Buffer.from('\n')])),
          );
          assert.deepEqual(
            found.records,
            expected.map(({ bytes }) => bytes),
          );
          await store.close();
        },
      ),
      { numRuns: 12, seed: 16 },
    );
    t.pass(`${runs} archives`);
  },
);

t.test('the first record is looked for from a time on, not among all that there ever were', { skip }, async (t) => {
  const archive = await newArchive(server ?? { url: '' }, join(t.testdir({}), 'ledger.db'));
  const { store } = await clickHouseStore(t, archive, { clock: new SimulatedClock(DAY_16_MS + 1) });
  const times = [DAY_16_MS - 3_000, DAY_16_MS - 1_000];
  await append(store, ...times.map((acceptedAt, position) => newRecord('{}', { position, acceptedAt })));
  const asked = await ClickHouseServer.create(archive);
  t.teardown(() => asked.close());
  const records = new Records(asked, new Tables(archive.database));
  const first = (fromMs: number) => records.firstAcceptedAt('KH', '0002', fromMs);
  t.same(await Promise.all([0, DAY_16_MS - 2_000, DAY_16_MS].map(first)), [...times, undefined]);
});
