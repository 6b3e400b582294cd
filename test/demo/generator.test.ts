import fc from 'fast-check';
import t from 'tap';
import type { JsonObject } from '../../contract/tags.js';
import { cities } from '../../demo/cities.js';
import { generator } from '../../demo/generator.js';
import { codeTables } from '../../notice/codes/index.js';
import { cutoffMs, cutoffOf, parseTimestamp } from '../../notice/cutoff.js';
import { formatFileName } from '../../notice/fileName.js';
import { cardFields } from '../../notice/registration.js';
import { tableOf } from '../../notice/tables/index.js';
import { compileValidator } from '../../notice/validator.js';

const COUNT = 2_000;
const made = generator(7);
const indexes = Array.from({ length: COUNT }, (_, index) => index);
const registrations = indexes.map((index) => made.registration(index));
const vehicles = indexes.map((index) => made.vehicle(index));
const cards = indexes.map((index) => made.card(index));
const records = indexes.map((index) => made.record(index));

/** The faults and warnings of all, each rule once. */
function findings(table: number, values: readonly JsonObject[]): string[] {
  const validate = compileValidator(tableOf(table), { codes: 'reject', checks: 'reject' });
  const found = values.flatMap((value) => {
    const { faults, warnings } = validate(value);
    return [...faults, ...warnings].map((fault) => `${fault.field}: ${fault.rule}`);
  });
  return [...new Set(found)];
}

t.test('every record keeps its table, codes and check digits included, with not even a warning', async (t) => {
  t.same(
    findings(
      8,
      registrations.map(({ detail }) => detail),
    ),
    [],
  );
  t.same(
    findings(
      11,
      vehicles.map(({ detail }) => detail),
    ),
    [],
  );
  t.same(findings(12, records), []);
});

t.test('the validator has teeth: one changed digit is found', async (t) => {
  const changed = (value: JsonObject, field: string) => {
    const text = String(value[field]);
    return { ...value, [field]: text.slice(0, -1) + (Number(text.slice(-1)) === 1 ? '2' : '1') };
  };
  const person = registrations.find(({ detail }) => detail.CustomerCertType === '01')!.detail;
  const company = registrations.find(({ detail }) => detail.CustomerType === '2')!.detail;
  t.match(findings(8, [changed(person, 'CustomerCertNumber')]), [/ID number/]);
  t.match(findings(8, [changed(company, 'CompanyCertNumber')]), [/credit code/]);
  t.match(findings(8, [changed(person, 'ICCID')]), [/Luhn/]);
  t.match(findings(11, [changed(vehicles[0]!.detail, 'VIN')]), [/VIN/]);
});

t.test('a number is the same whoever asked for what before, and another seed makes others', async () => {
  fc.assert(
    fc.property(fc.nat(COUNT - 1), fc.array(fc.nat(COUNT), { maxLength: 5 }), (index, before) => {
      const fresh = generator(7);
      for (const other of before) fresh.record(other);
      const same = [fresh.vehicle(index), fresh.card(index), fresh.record(index), fresh.registration(index)];
      const there = [vehicles[index], cards[index], records[index], registrations[index]];
      const other = generator(8).registration(index).detail;
      return JSON.stringify(same) === JSON.stringify(there) && other.ICCID !== registrations[index]!.detail.ICCID;
    }),
    { seed: 17, numRuns: 30 },
  );
});

t.test('fields come in the order of their tables', async (t) => {
  const ordered = (table: number, value: JsonObject) => {
    const names = tableOf(table).fields.map(({ name }) => name);
    return names.filter((name) => name in value);
  };
  for (const index of [0, 17, 60]) {
    t.same(Object.keys(registrations[index]!.detail), ordered(8, registrations[index]!.detail));
    t.same(Object.keys(vehicles[index]!.detail), ordered(11, vehicles[index]!.detail));
    t.same(Object.keys(cards[index]!), ordered(12, cards[index]!));
  }
});

t.test('a card brings the operator’s fields alone, a registration and its vehicle name the same card', async (t) => {
  for (const index of indexes) {
    const names = Object.keys(cards[index]!).filter((name) => !cardFields.includes(name));
    const iccids = [registrations[index]!.detail, vehicles[index]!.detail, cards[index]!].map(({ ICCID }) => ICCID);
    if (names.length > 0 || new Set(iccids).size > 1) t.fail(`card ${index}: ${names} ${iccids}`);
  }
  t.same(new Set(cards.map(({ BasicOperator }) => BasicOperator)), new Set(['2']));
});

t.test('what must be unique is unique', async (t) => {
  const far = [...indexes, ...indexes.map((index) => index * 997 + 3000)].filter((index) => index < 2_000_000);
  const distinct = (values: unknown[]) => new Set(values).size;
  const details = far.map((index) => made.registration(index));
  for (const field of ['ICCID', 'MSISDN'])
    t.equal(distinct(details.map(({ detail }) => detail[field])), far.length, field);
  const farCards = far.map((index) => made.card(index));
  for (const field of ['IMSI', 'UserID']) t.equal(distinct(farCards.map((card) => card[field])), far.length, field);
  t.equal(distinct(far.map((index) => made.vehicle(index).detail.VIN)), far.length, 'VIN');
  const ids = [...registrations, ...vehicles].map(({ requestId }) => requestId);
  t.equal(distinct(ids), 2 * COUNT, 'RequestID');
});

t.test('a few people own several cars, nobody more than ten, and each person is one', async (t) => {
  const owners = new Map<string, JsonObject[]>();
  for (const { detail } of registrations) {
    const key = String(detail.CustomerCertNumber);
    owners.set(key, [...(owners.get(key) ?? []), detail]);
  }
  const several = [...owners.values()].filter((cars) => cars.length > 1);
  t.ok(several.length > COUNT / 100 && several.length < COUNT / 10, `${several.length} own several cars`);
  for (const cars of several) {
    t.ok(cars.length <= 10);
    t.equal(new Set(cars.map(({ CustomerName, CompanyName }) => `${CustomerName} ${CompanyName}`)).size, 1);
  }
});

t.test('four in five are individuals, some of them through an agent, over three car makers', async (t) => {
  const part = (matches: (detail: JsonObject) => boolean) =>
    registrations.filter(({ detail }) => matches(detail)).length / COUNT;
  const individuals = part(({ CustomerType }) => CustomerType === '1');
  const agents = part(({ CustomerType, OperatorName }) => CustomerType === '1' && OperatorName !== undefined);
  t.ok(individuals > 0.75 && individuals < 0.85, `${individuals} individuals`);
  t.ok(agents > 0.02 && agents < 0.1, `${agents} through agents`);
  t.equal(
    part(({ CustomerType, OperatorName }) => CustomerType === '2' && OperatorName !== undefined),
    0,
  );
  t.same(new Set(registrations.map(({ code }) => code)), new Set(['WBA0', 'LSV1', 'LFV2']));
});

t.test('registrations are made on the day asked for', async (t) => {
  const dayMs = cutoffMs('2022111500');
  for (const index of [0, 1, 2]) {
    const { AcceptTime, StatusUpdateTime } = generator(1, dayMs).registration(index).detail;
    const [accepted, sold] = [AcceptTime, StatusUpdateTime].map((time) => parseTimestamp(String(time))!);
    t.ok(sold! < accepted!);
    t.equal(cutoffOf(accepted!).slice(0, 8), '20221115');
    t.equal(generator(1, dayMs).vehicle(index).detail.VehicleSalesTime, StatusUpdateTime, 'the same sale');
  }
});

t.test('a record has about 1.9 KB', async (t) => {
  const bytes = records.reduce((sum, record) => sum + Buffer.byteLength(JSON.stringify(record)), 0) / COUNT;
  t.ok(bytes > 1_850 && bytes < 1_950, `${bytes} bytes on average`);
});

t.test('ids can stand in file names', async (t) => {
  for (const { requestId, code } of [...registrations.slice(0, 50), generator(2 ** 32 - 1).registration(1_999_999)]) {
    t.ok(formatFileName({ kind: 'album', content: 'KH', requestId, code, extension: 'zip', partial: false }));
  }
});

t.test('the cities agree with the code tables, and their districts with their provinces', async (t) => {
  for (const { name, province, provinceCode, areaCode, districts } of cities) {
    t.equal(codeTables['A.3'][provinceCode], province, name);
    t.ok(codeTables['A.4'][areaCode]?.split('、').includes(name), `${name} ${areaCode}`);
    t.ok(districts.length >= 2 && districts.every(({ code }) => code.startsWith(provinceCode)), name);
  }
});
