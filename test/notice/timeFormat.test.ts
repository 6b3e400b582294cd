import fc from 'fast-check';
import t from 'tap';
import { isDay, isSecond } from '../../notice/timeFormat.js';

t.test('days and seconds exist or they do not', async (t) => {
  for (const text of ['20240229', '20000229', '19000101', '99991231']) t.ok(isDay(text), text);
  for (const text of ['20230229', '19000229', '20221301', '20220100', '18991231', '2022-1-1', '2022111', ''])
    t.notOk(isDay(text), text);
  for (const text of ['20221116000000', '20221116235959']) t.ok(isSecond(text), text);
  for (const text of ['20221116240000', '20221116236000', '20221116000060', '2022111600000', '20221116 00000'])
    t.notOk(isSecond(text), text);
});

t.test('every eight digits are judged as the calendar of the language judges them', async () => {
  const day = fc.tuple(
    fc.integer({ min: 1900, max: 2200 }),
    fc.integer({ min: 0, max: 13 }),
    fc.integer({ min: 0, max: 32 }),
  );
  fc.assert(
    fc.property(day, ([year, month, date]) => {
      const utc = new Date(Date.UTC(year, month - 1, date));
      const exists = utc.getUTCMonth() === month - 1 && utc.getUTCDate() === date;
      return isDay(`${year}${String(month).padStart(2, '0')}${String(date).padStart(2, '0')}`) === exists;
    }),
    { seed: 20221116, numRuns: 2_000 },
  );
});
