import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import t from 'tap';
import { cutoffMs, cutoffOf, dosTimeOf, isCutoff, parseTimestamp, timestampOf } from '../../notice/cutoff.js';

const FROM_MS = Date.UTC(1991, 11, 31, 16);
const TO_MS = Date.UTC(9999, 11, 31, 15, 59, 59, 999);
const times = fc.integer({ min: FROM_MS, max: TO_MS });

t.test('a window of a day ends at midnight in Shanghai, 16:00 UTC', async (t) => {
  t.equal(cutoffMs('2022111600'), Date.UTC(2022, 10, 15, 16));
  t.equal(cutoffOf(Date.UTC(2022, 10, 15, 16)), '2022111600');
  t.equal(cutoffOf(Date.UTC(2022, 10, 15, 16) - 1), '2022111523');
  t.equal(timestampOf(Date.UTC(2022, 10, 15, 16) - 1), '20221115235959');
});

t.test('times and their text are inverses', async () => {
  fc.assert(
    fc.property(times, (timeMs) => {
      const second = parseTimestamp(timestampOf(timeMs));
      const hour = cutoffMs(cutoffOf(timeMs));
      const left = timeMs - hour;
      return second === Math.floor(timeMs / 1000) * 1000 && left >= 0 && left < 3600_000;
    }),
    { seed: 8, numRuns: 1000 },
  );
});

t.test('the zone data of this host agrees with the fixed offset', async () => {
  const clock = new Intl.DateTimeFormat('sv-SE', {
    timeZone: 'Asia/Shanghai',
    dateStyle: 'short',
    timeStyle: 'medium',
  });
  fc.assert(
    fc.property(fc.integer({ min: FROM_MS, max: Date.UTC(2100, 0, 1) }), (timeMs) => {
      return clock.format(timeMs).replace(/\D/g, '') === timestampOf(timeMs);
    }),
    { seed: 1992, numRuns: 500 },
  );
});

t.test('only an hour that exists, from 1992 on, is a cut-off', async (t) => {
  for (const good of ['1992010100', '2024022923', '9999123123']) t.ok(isCutoff(good), good);
  const wrong = ['2023022900', '2022111624', '2022130100', '2022110031', '1991123123', '0095010100', '99991332'];
  for (const text of [...wrong, '', '202211160', '20221116000', '2022-11-16', ' 022111600', '２０２２111600']) {
    t.notOk(isCutoff(text), text);
    t.throws(() => cutoffMs(text), { code: 'USAGE', message: /expected an hour as YYYYMMDDHH/ });
  }
});

t.test('a timestamp that does not exist is none', async (t) => {
  for (const text of ['20230229000000', '20221116240000', '20221116006000', '20221116000060', '99991332246060', '']) {
    t.equal(parseTimestamp(text), undefined, text);
  }
});

t.test('a time out of range is refused when written', async (t) => {
  for (const timeMs of [FROM_MS - 1, TO_MS + 1, Number.NaN, Number.POSITIVE_INFINITY]) {
    t.throws(() => timestampOf(timeMs), { code: 'INTERNAL' });
  }
  t.throws(() => dosTimeOf(Date.UTC(2200, 0, 1)), { code: 'INTERNAL' });
});

t.test('the time in a zip is the wall clock of Shanghai, whatever the zone of the host', async (t) => {
  t.same(dosTimeOf(Date.UTC(2022, 10, 15, 16, 0, 1)), { date: (42 << 9) | (11 << 5) | 16, time: 0 });
  t.same(dosTimeOf(Date.UTC(2107, 11, 31, 15, 59, 59)), { date: 0xff9f, time: (23 << 11) | (59 << 5) | 29 });
  const module = new URL('../../notice/cutoff.js', import.meta.url).href;
  const program = `import { dosTimeOf, cutoffOf } from '${module}'; console.log(JSON.stringify([dosTimeOf(1e12), cutoffOf(1e12)]))`;
  const printed = ['UTC', 'America/New_York', 'Asia/Shanghai'].map((zone) =>
    execFileSync(process.execPath, ['--input-type=module', '-e', program], {
      env: { TZ: zone },
      timeout: 20_000,
    }).toString(),
  );
  t.equal(new Set(printed).size, 1);
});
