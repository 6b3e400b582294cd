import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { JsonObject } from '../../contract/tags.js';
import { makeCertificates } from '../../demo/certificates.js';
import { generator } from '../../demo/generator.js';
import { freePort } from '../../demo/site.js';
import { systemClock } from '../../engine/clock.js';
import { tableOf } from '../../notice/tables/index.js';
import { openSqliteStore } from '../../stores/sqlite/store.js';
import { keptLog } from '../support/bareContext.js';
import { iovpipe } from '../support/cli.js';
import { post } from '../support/httpsChannel.js';
import { intakeAt, intakeFiles } from '../support/intake.js';
import { IovpipeProcess } from '../support/iovpipeProcess.js';
import { accountMessage } from '../support/messages.js';
import { writeSite } from '../support/site.js';

const SEED = 2022;
const PEOPLE = 60;
const made = generator(SEED);

const PIPELINE = (port: number) => `${intakeAt(port)}retention: {}
pipelines:
  accounts-in:
    source: { https: { on: t1, path: /t1/account, request: 7, explain: true } }
    operators:
      - authenticate: {}
      - sample: { rate: 0.5 }
      - decrypt: { field: EncryptUserInfo, table: 8 }
      - validate: { table: 8, codes: reject, checks: reject }
      - sample: { rate: 0.5 }
      - limitCards: { max: 1 }
      - join: { cards: ICCID }
      - validate: { table: 12, codes: reject, checks: reject }
      - order: { table: 12 }
    sink: { archive: { kind: KH, code: "0002" } }
  cards-in:
    source: { file: { path: cards.ndjson } }
    operators:
      - join: { registrations: ICCID }
      - validate: { table: 12, codes: reject, checks: warn }
      - order: { table: 12 }
    sink: { archive: { kind: KH, code: "0002" } }
  backfill:
    source: { file: { path: old.ndjson } }
    operators:
      - validate: { table: 12, codes: reject, checks: reject }
      - sample: { rate: 1 }
      - order: { table: 12 }
    sink: { archive: { kind: KH, code: "0002" } }
  certificates:
    source: { file: { path: vehicles.csv } }
    operators:
      - validate: { table: 11, codes: reject, checks: reject }
      - order: { table: 11 }
    sink: { archive: { kind: CL, code: LSV1, reported: true } }
`;

/** Ways to put what is personal where nobody would mask it. */
const SPOILS: readonly ((record: JsonObject) => JsonObject)[] = [
  (record) => record,
  (record) => ({ ...record, VehicleStatus: record.CustomerName }),
  (record) => ({ ...record, AcceptTime: record.CustomerCertNumber ?? record.CustomerCertNmuber }),
  (record) => ({ ...record, CustomerType: record.CustomerCertAddress }),
  (record) => ({ ...record, [String(record.CustomerName)]: 'x' }),
  (record) => ({ ...record, [String(record.CustomerCertAddress)]: { inside: record.CustomerName } }),
  (record) => ({ ...record, CustomerName: { [String(record.CustomerName)]: record.CustomerName } }),
  (record) => ({ ...record, CustomerCertType: record.CustomerCertNumber ?? record.CustomerCertNmuber }),
  (record) => ({ ...record, MSISDN: [record.CustomerName, record.CustomerCertAddress] }),
  (record) => ({ ...record, ICCID: record.CustomerName }),
  (record) => ({ ...record, OperType: record.CustomerName, StatusUpdateTime: record.CustomerCertAddress }),
  (record) => ({ ...record, ExtendPara: record.CustomerName, CustomerCertDate: record.MSISDN }),
  (record) => ({ ...record, CustomerCertNumber: `${record.CustomerName}${record.CustomerCertNumber}` }),
];
const spoiled = (index: number, record: JsonObject) => SPOILS[index % SPOILS.length]!(record);

/** Each value of a personal field in what was generated, and who writes which field. */
function personal(): string[] {
  const values = new Set<string>();
  const fields = [8, 11, 12].flatMap((number) => tableOf(number).fields).filter((field) => field.personal);
  for (let index = 0; index < PEOPLE; index += 1) {
    for (const record of [made.registration(index).detail, made.record(index), made.vehicle(index).detail]) {
      for (const { name } of fields) {
        for (const value of [record[name]].flat()) if (typeof value === 'string' && value.length > 1) values.add(value);
      }
    }
  }
  return [...values];
}

async function site(t: Test) {
  const folder = t.testdir();
  const tls = await makeCertificates();
  const port = await freePort();
  const lines = (each: (index: number) => JsonObject | string) =>
    Array.from({ length: PEOPLE }, (_, index) => each(index))
      .map((line) => (typeof line === 'string' ? line : JSON.stringify(line)))
      .join('\n');
  writeSite(folder, {
    'pipeline.yaml': PIPELINE(port),
    ...intakeFiles(tls),
    'cards.ndjson': lines((index) =>
      index % 7 === 3 ? { ...made.card(index), City: made.record(index).CustomerName } : made.card(index),
    ),
    'old.ndjson': lines((index) => {
      const record = spoiled(index, made.record(index));
      return index % 10 === 5 ? `${JSON.stringify(record).slice(0, -2)},,` : record;
    }),
    'vehicles.csv': `MSISDN,ICCID,VIN,VehicleStaffName\n${lines((index) => {
      const { MSISDN, ICCID, VIN, VehicleStaffName } = made.vehicle(index).detail;
      return index % 5 === 2 ? `"${VehicleStaffName},${ICCID}` : [MSISDN, VIN, ICCID, VehicleStaffName].join(',');
    })}`,
  });
  return { folder, tls, url: `https://127.0.0.1:${port}/t1/account` };
}

/** Table-7 messages: good ones, ones whose record is spoiled, and ones that are spoiled themselves. */
function bodies(): string[] {
  return Array.from({ length: PEOPLE }, (_, index) => {
    const { detail } = made.registration(index);
    const requestId = `R-${index}`;
    const name = String(detail.CustomerName);
    const wrong: Record<number, () => string> = {
      41: () => JSON.stringify(accountMessage(requestId, { OperType: name }, detail)),
      42: () => JSON.stringify(accountMessage(requestId, { Code: name }, detail)),
      43: () => JSON.stringify(accountMessage(requestId, { EncryptUserInfo: JSON.stringify(detail) }, detail)),
      44: () => JSON.stringify(accountMessage(requestId, { EncryptUserInfo: detail, [name]: name }, detail)),
      45: () => JSON.stringify(accountMessage(requestId, { Auth: { PlatformID: name, SignNature: name } }, detail)),
      46: () => JSON.stringify({ ...detail, Auth: name }),
      47: () => `{"CustomerName":"${name}","${name}":1,"${name}":2}`,
      48: () => `{"CustomerName":"${name}`,
      49: () => JSON.stringify([detail]),
    };
    return wrong[index]?.() ?? JSON.stringify(accountMessage(requestId, {}, spoiled(index, detail)));
  });
}

t.test(
  'no name, number or address of anybody is in a log line, an answer, or on a screen (articles 19, 20)',
  async (t) => {
    const { folder, tls, url } = await site(t);
    const daemon = new IovpipeProcess(['run', '--log', 'debug'], folder);
    t.teardown(() => daemon.signal('SIGKILL'));
    await daemon.ready();
    const outputs = new Map<string, string>();
    let refused = 0;
    for (const [index, body] of bodies().entries()) {
      const heard = await post(url, tls.ca, body);
      if (heard.body.OprRst !== '1') refused += 1;
      outputs.set(`answer ${index}`, JSON.stringify(heard.body));
    }
    for (const name of ['cards-in', 'backfill', 'certificates']) {
      await daemon.says(({ msg, pipeline }) => msg === 'pipeline has ended' && pipeline === name);
    }
    t.ok(refused > PEOPLE / 2 && refused < PEOPLE, `${refused} refused`);

    const store = await openSqliteStore({
      path: join(folder, 'var/archive.db'),
      clock: systemClock,
      log: keptLog(),
      readOnly: true,
    });
    t.teardown(() => store.close());
    for (let index = 0; index < PEOPLE; index += 1) {
      const keys = [`R-${index}`, String(made.registration(index).detail.ICCID)];
      outputs.set(`trace ${index}`, JSON.stringify(keys.map((key) => store.trace(key))));
    }
    const letters = store.deadLetters();
    const samples = store.samples.list({ limit: 1_000 });
    t.ok(letters.length > 20 && samples.length > 0, `${letters.length} dead letters, ${samples.length} samples`);
    outputs.set('samples', JSON.stringify(samples));
    const commands = [
      'status',
      'status --json',
      'dead',
      'dead --json',
      'sample --json',
      'purge --dry-run',
      'audit --sent',
      `trace ${made.registration(0).detail.ICCID}`,
      `dead show ${letters[0]?.id}`,
      `sample show ${samples.at(-1)?.id}`,
      'dead retry --all --log debug',
    ];
    for (const command of commands) {
      const { stdout, stderr } = await iovpipe(command.split(' '), folder);
      outputs.set(command, stdout + stderr);
    }
    daemon.signal('SIGTERM');
    await daemon.ended;
    for (const [at, said] of daemon.said.entries()) outputs.set(`log line ${at}`, JSON.stringify(said));

    const secrets = personal();
    t.ok(secrets.length > 5 * PEOPLE, `${secrets.length} values looked for`);
    const kept = letters.map(({ id }) => Buffer.from(store.deadLetter(id)?.raw ?? []).toString()).join();
    t.ok(
      secrets.filter((secret) => kept.includes(secret)).length > PEOPLE,
      'the same values are found where they are kept',
    );
    const found: string[] = [];
    for (const [where, text] of outputs) {
      for (const secret of secrets)
        if (text.includes(secret)) found.push(`${where}: ${secret}: ${around(text, secret)}`);
    }
    t.strictSame(found, []);
  },
);

function around(text: string, secret: string): string {
  const at = text.indexOf(secret);
  return text.slice(Math.max(0, at - 80), at + secret.length + 20);
}
