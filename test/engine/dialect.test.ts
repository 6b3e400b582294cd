import { join } from 'node:path';
import t, { type Test } from 'tap';
import { CODES } from '../../contract/codes.js';
import type { JsonObject } from '../../contract/tags.js';
import { makeCertificates } from '../../demo/certificates.js';
import { generator } from '../../demo/generator.js';
import { freePort } from '../../demo/site.js';
import { loadAndCheck } from '../../engine/check.js';
import { systemClock } from '../../engine/clock.js';
import { DeadLetterSource } from '../../engine/deadLetters.js';
import { Engine } from '../../engine/engine.js';
import type { SqliteStore } from '../../stores/sqlite/store.js';
import { keptLog } from '../support/bareContext.js';
import { checkedConfig } from '../support/checkedConfig.js';
import { gatewayEncrypt, gatewaySignature, type Mgf1, openGateway, type RsaPair, rsaPair } from '../support/gateway.js';
import { post } from '../support/httpsChannel.js';
import { serve } from '../support/serve.js';
import { writeSite } from '../support/site.js';
import { within } from '../support/within.js';

// The gateway of facts.md, as a peer we send to and as a peer that sends to us: real engine, real pipeline files.

const made = generator(20);
const PLATFORM = 'GATEWAY-01';
const PASSWORD = 'correct horse';
const certificates = await makeCertificates();

const peersYaml = (rsa: string) => `
gateway:
  platformId: ${PLATFORM}
  password: \${secret:gateway.password}
  codes: [${[...new Set(Array.from({ length: 20 }, (_, index) => made.registration(index).code))].join(', ')}]
  cipher:
    name: rsa-oaep
    rsa: { ${rsa} }
  dialect:
    fields: { NameVehicleEnterprise: VehicleOrgName }
    cards: { list: CardInfo, fields: [MSISDN, ICCID] }
    reply: { result: Code, cause: Message, success: ["200"], again: ["500", "604"] }
    signature: upper
`;

async function opened(t: Test, folder: string) {
  const config = await checkedConfig(join(folder, 'pipeline.yaml'));
  const log = keptLog();
  const engine = await Engine.open(config, { clock: systemClock, log, drainMs: 5_000 });
  t.teardown(() => engine.close());
  return { engine, log };
}

const SENDER = (url: string) => `
peers: \${file:peers.yaml}
archive: { sqlite: { path: var/oem.db } }
pipelines:
  accounts-out:
    schedule: manual
    source: { file: { path: accounts.ndjson, as: message } }
    operators:
      - encryptField: { field: EncryptUserInfo, peer: gateway }
      - sign: { peer: gateway }
      - order: { table: 7 }
    sink: { https: { url: "${url}/account", ca: "\${file:ca.crt}", peer: gateway, retry: { delayMsMin: 1, delayMsMax: 5 } } }
  vehicles-out:
    schedule: manual
    source: { file: { path: vehicles.ndjson, as: message } }
    operators:
      - encryptField: { field: EncryptCarInfo, peer: gateway }
      - sign: { peer: gateway }
      - order: { table: 10 }
    sink: { https: { url: "${url}/vehicle", ca: "\${file:ca.crt}", peer: gateway } }
`;

for (const mgf1 of ['sha256', 'sha1'] as const) {
  t.test(`as a peer we send to, MGF1 with ${mgf1}`, async (t) => {
    const folder = t.testdir();
    const tried = new Map<unknown, number>();
    const before = ({ RequestID }: JsonObject) => {
      tried.set(RequestID, (tried.get(RequestID) ?? 0) + 1);
      if (RequestID === 'R1' && tried.get(RequestID) === 1) return { Code: 500, Message: '系统繁忙' };
      return RequestID === 'R2' ? { Code: '501', Message: '号码不存在' } : undefined;
    };
    const gateway = await openGateway(t, certificates, { platformId: PLATFORM, password: PASSWORD, mgf1, before });
    const accounts = [0, 1, 2].map((index) => {
      const { operType, code, detail } = made.registration(index);
      return { OperType: operType, RequestID: `R${index}`, Code: code, EncryptUserInfo: detail };
    });
    const { code, detail: car } = made.vehicle(0);
    const vehicles = [{ RequestID: 'V0', Code: code, EncryptCarInfo: car }];
    const lines = (messages: object[]) => messages.map((message) => `${JSON.stringify(message)}\n`).join('');
    writeSite(folder, {
      'pipeline.yaml': SENDER(gateway.url),
      'peers.yaml': peersYaml(`publicKey: "\${file:gateway.pem}", oaepHash: sha256, mgf1Hash: ${mgf1}`),
      'gateway.pem': gateway.publicKey,
      'ca.crt': certificates.ca,
      'secrets/gateway.password': PASSWORD,
      'accounts.ndjson': lines(accounts),
      'vehicles.ndjson': lines(vehicles),
    });
    const { engine } = await opened(t, folder);
    await engine.once('accounts-out', {});
    await engine.once('vehicles-out', {});
    t.same(gateway.taken.map(({ message }) => message.RequestID).sort(), ['R0', 'R1', 'V0']);
    t.equal(tried.get('R1'), 2, 'a Code that asks us to come again is sent again');
    for (const { message, record } of gateway.taken.slice(0, 2)) {
      const { MSISDN, ICCID, ...rest } = accounts.find(
        ({ RequestID }) => RequestID === message.RequestID,
      )!.EncryptUserInfo;
      t.same(record, { ...rest, CardInfo: [{ MSISDN, ICCID }] }, 'its card stands in a list of one');
    }
    const { NameVehicleEnterprise, MSISDN, ICCID, ...rest } = car;
    const { record } = gateway.taken.at(-1)!;
    t.same(record, { ...rest, VehicleOrgName: NameVehicleEnterprise, CardInfo: [{ MSISDN, ICCID }] });
    const letters = engine.store.deadLetters();
    t.match(letters, [{ code: 'REFUSED_BY_PEER', reason: 'Code 501: 号码不存在', tags: { requestId: 'R2' } }]);
  });
}

t.test('whoever signs for a peer with a dialect must send to it', async (t) => {
  const folder = t.testdir();
  writeSite(folder, {
    'pipeline.yaml': SENDER('https://gateway.example').replace(', peer: gateway, retry', ', retry'),
    'peers.yaml': peersYaml(`publicKey: "\${file:gateway.pem}"`),
    'gateway.pem': rsaPair().publicKey,
    'ca.crt': certificates.ca,
    'secrets/gateway.password': PASSWORD,
  });
  const { config, faults } = await loadAndCheck(join(folder, 'pipeline.yaml'));
  t.equal(config, undefined);
  const expected = 'expected peer: gateway, whose dialect the message is to be sent in, got nothing';
  t.same(
    faults.map(({ place, message }) => [place, message]),
    [['accounts-out.sink.https', expected]],
  );
});

const RECEIVER = (port: number) => `
peers: \${file:peers.yaml}
connections: { t1: { https: { listen: "127.0.0.1:${port}", cert: "\${file:t1.crt}", key: "\${secret:t1.key}" } } }
archive: { sqlite: { path: var/archive.db } }
pipelines:
  accounts-in:
    source: { https: { on: t1, path: /account, request: 7 } }
    operators:
      - authenticate: {}
      - decrypt: { field: EncryptUserInfo, table: 8 }
      - validate: { table: 8 }
      - order: { table: 8 }
    sink: { archive: { kind: KH, code: "0002" } }
  joined-in:
    source: { https: { on: t1, path: /joined, request: 7, peer: gateway } }
    operators:
      - authenticate: {}
      - decrypt: { field: EncryptUserInfo, table: 8 }
      - expect: { file: KH, unnameable: pass }
      - limitCards: { max: 3 }
      - join: { cards: ICCID }
      - order: { table: 12 }
    sink: { archive: { kind: KH, code: "0003" } }
  vehicles-in:
    source: { https: { on: t1, path: /vehicle, request: 10 } }
    operators:
      - authenticate: {}
      - decrypt: { field: EncryptCarInfo, table: 11 }
      - validate: { table: 11 }
      - order: { table: 11 }
    sink: { archive: { kind: CL } }
`;

interface Receiver {
  engine: Engine;
  keys: RsaPair;
  mgf1: Mgf1;
  say(path: string, body: string | object): Promise<{ status: number; body: JsonObject }>;
}

async function receiver(t: Test, mgf1: Mgf1): Promise<Receiver> {
  const folder = t.testdir();
  const keys = rsaPair();
  const port = await freePort();
  writeSite(folder, {
    'pipeline.yaml': RECEIVER(port),
    'peers.yaml': peersYaml(`privateKey: "\${secret:our.pem}", mgf1Hash: ${mgf1}`),
    't1.crt': certificates.cert,
    'secrets/t1.key': certificates.key,
    'secrets/our.pem': keys.privateKey,
    'secrets/gateway.password': PASSWORD,
  });
  const { engine } = await opened(t, folder);
  const { ready, end } = serve(engine);
  t.teardown(end);
  await within(60_000, 'listening', ready);
  const say = async (path: string, body: string | object) => {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const { status, body: heard } = await post(`https://127.0.0.1:${port}${path}`, certificates.ca, text);
    return { status, body: heard as JsonObject };
  };
  return { engine, keys, mgf1, say };
}

const auth = { PlatformID: PLATFORM, SignNature: gatewaySignature(PLATFORM, PASSWORD) };

/** A person's registration with several cards in one message. */
function account({ keys, mgf1 }: Receiver, requestId: string, cards: readonly JsonObject[], changes: JsonObject = {}) {
  const { code, detail } = made.registration(0);
  const { MSISDN: _, ICCID: __, ...rest } = { ...detail, ...changes };
  const record = cards.length === 0 ? rest : { ...rest, CardInfo: cards };
  const EncryptUserInfo = gatewayEncrypt(record, keys.publicKey, mgf1);
  return { OperType: '1', Auth: auth, RequestID: requestId, Code: code, EncryptUserInfo };
}

const cardsOf = (...indexes: number[]): JsonObject[] =>
  indexes.map((index) => {
    const { MSISDN, ICCID } = made.registration(index).detail;
    return { MSISDN, ICCID };
  });

const SUCCESS = { Code: '200', Message: 'success' };

/** What the archive holds of a kind and code, as records. */
function archived({ engine }: Receiver, kind: 'KH' | 'CL', code: string): JsonObject[] {
  const window = { id: 0, kind, code, cutoff: '', type: 'F', fromPosition: 0, toPosition: 1_000 } as const;
  const rest = { pipeline: '', state: 'open', plannedAt: 0, options: '' } as const;
  return [...(engine.store as SqliteStore).records({ ...window, ...rest }, 0, 1_000)].map((bytes) =>
    JSON.parse(Buffer.from(bytes).toString()),
  );
}

t.test('as a peer that sends to us, with the hashes of Java', async (t) => {
  const us = await receiver(t, 'sha1');
  const message = account(us, 'R1', cardsOf(1, 2, 3));
  t.same((await us.say('/account', message)).body, SUCCESS);
  const iccids = () => archived(us, 'KH', '0002').map(({ ICCID }) => ICCID);
  const wanted = cardsOf(1, 2, 3).map(({ ICCID }) => ICCID);
  t.same(iccids(), wanted, 'each card is a record');
  t.same((await us.say('/account', message)).body, SUCCESS, 'the first answer again');
  t.same((await us.say('/account', account(us, 'R1', cardsOf(1, 2, 3)))).body, SUCCESS, 'also encrypted anew');
  t.same(iccids(), wanted, 'and nothing is stored twice');
  t.same((await us.say('/account', account(us, 'R1', cardsOf(1, 2, 4)))).body, {
    Code: '400',
    Message: '400 bad request',
  });
  t.same(iccids(), wanted, 'another card under the same RequestID is refused');
  const trace = (await us.engine.store.trace('R1')).filter(({ step }) => step === 'accepted');
  t.equal(trace.length, 3, 'trace shows each');
});

t.test('a car under another name of its maker', async (t) => {
  const us = await receiver(t, 'sha256');
  const { code, detail } = made.vehicle(0);
  const { NameVehicleEnterprise, MSISDN, ICCID, ...rest } = detail;
  const record = { ...rest, VehicleOrgName: NameVehicleEnterprise, CardInfo: [{ MSISDN, ICCID }] };
  const EncryptCarInfo = gatewayEncrypt(record, us.keys.publicKey, 'sha256');
  const message = { Auth: auth, RequestID: 'V1', Code: code, EncryptCarInfo };
  t.same((await us.say('/vehicle', message)).body, SUCCESS);
  t.same(archived(us, 'CL', code), [detail], 'it is archived as the notice has it');
});

t.test('cards that wait for the operator’s own data, two messages with the same cards at once', async (t) => {
  const us = await receiver(t, 'sha256');
  const messages = [account(us, 'R1', cardsOf(1, 2, 3)), account(us, 'R2', cardsOf(3, 2, 1))];
  const answers = await within(60_000, 'both answers', Promise.all(messages.map((each) => us.say('/joined', each))));
  for (const { body } of answers) t.same(body, SUCCESS);
  for (const { ICCID } of cardsOf(1, 2, 3)) {
    t.ok(
      us.engine.store.read((state) => state.card(String(ICCID))?.registration),
      'the registration waits',
    );
  }
  const { store } = us.engine;
  const due = store.dueFiles({ content: 'KH', state: 'open', limit: 10 });
  const cards = due.map(({ requestId, iccid }) => [requestId, iccid.split(',').sort()]).sort();
  const iccids = cardsOf(1, 2, 3).map(({ ICCID }) => ICCID);
  t.same(
    cards,
    [
      ['R1', iccids.sort()],
      ['R2', iccids],
    ],
    'pictures of a message are those of each of its cards',
  );
});

t.test('one card too many fails the message, and is kept; the others stay', async (t) => {
  const us = await receiver(t, 'sha256');
  const { CARD_LIMIT } = CODES;
  const limit = { Code: '400', Message: CARD_LIMIT.failureCause };
  const message = account(us, 'R1', cardsOf(1, 2, 3, 4), { CustomerType: '1' });
  t.same((await us.say('/joined', message)).body, limit);
  t.same((await us.say('/joined', message)).body, limit, 'the first answer again');
  const [registered, others] = [cardsOf(1, 2, 3), cardsOf(4)].map((cards) =>
    cards.map(({ ICCID }) => us.engine.store.read((state) => state.card(String(ICCID))?.registration?.tags.requestId)),
  );
  t.same(registered, ['R1', 'R1', 'R1']);
  t.same(others, [undefined]);
  const letters = us.engine.store.deadLetters();
  const kept = [
    { code: 'CARD_LIMIT', origin: /R1 of GATEWAY-01, card 4$/, tags: { requestId: 'R1', part: 4 }, state: 'waiting' },
  ];
  t.match(letters, kept);
  t.equal(letters.length, 1, 'one letter for one card, however often it comes');

  const source = DeadLetterSource.of(us.engine, 'joined-in', [letters[0]!.id]);
  await us.engine.once('joined-in', { source });
  t.same([source.retried, source.failed.length], [0, 1]);
  t.match(us.engine.store.deadLetters(), kept);
  t.equal(us.engine.store.deadLetters().length, 1, 'what fails again takes the place of its letter');
});

t.test('every refusal comes in the peer’s words', async (t) => {
  const us = await receiver(t, 'sha256');
  const card = cardsOf(1);
  const bad = (what: string) => ({ Code: what.slice(0, 3), Message: what });
  const signed = account(us, 'R1', card);
  const refusals: [what: string, body: string | object, answer: JsonObject][] = [
    ['a wrong signature', { ...signed, Auth: { ...auth, SignNature: 'F'.repeat(64) } }, bad('401 unauthorized')],
    ['a foreign Code', { ...signed, Code: 'XXX' }, bad('401 unauthorized')],
    ['a field missing', { ...signed, OperType: undefined }, bad('400 bad request')],
    [
      'another key',
      { ...signed, EncryptUserInfo: gatewayEncrypt({}, rsaPair().publicKey, 'sha256') },
      bad('400 bad request'),
    ],
    ['a name missing', account(us, 'R1', card, { CustomerName: undefined }), bad('400 bad request')],
    [
      'an empty list',
      { ...signed, EncryptUserInfo: gatewayEncrypt({ CardInfo: [] }, us.keys.publicKey, 'sha256') },
      bad('400 bad request'),
    ],
    ['a card twice', account(us, 'R1', [...card, ...card]), bad('400 bad request')],
    [
      'more cards than max',
      account(
        us,
        'R1',
        Array.from({ length: 101 }, (_, at) => ({ ICCID: `${at}` })),
      ),
      bad('400 bad request'),
    ],
  ];
  for (const [what, body, answer] of refusals) t.same((await us.say('/account', body)).body, answer, what);
  t.same(archived(us, 'KH', '0002'), [], 'nothing was stored');
  const unreadable = { RequestID: '', OprRst: '2', FailureCause: '400' };
  t.same((await us.say('/account', 'no JSON')).body, unreadable, 'as the notice has it, where nobody knows who calls');
  t.same((await us.say('/joined', 'no JSON')).body, bad('400 bad request'), 'on a path of its own in its own words');
  t.same((await us.say('/account', signed)).body, SUCCESS, 'control');
});
