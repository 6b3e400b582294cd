import { EventEmitter } from 'node:events';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { Peer } from '../../contract/peer.js';
import type { Store, StoreStatus } from '../../contract/store.js';
import { type Certificates, makeCertificates } from '../../demo/certificates.js';
import { freePort, newCipher, newPassword, writeSite } from '../../demo/site.js';
import { systemClock } from '../../engine/clock.js';
import { signNature } from '../../notice/signature.js';
import { openSqliteStore } from '../../stores/sqlite/store.js';
import { keptLog } from '../support/bareContext.js';
import { FinalNames } from '../support/deliveredFiles.js';
import { post } from '../support/httpsChannel.js';
import { IovpipeProcess } from '../support/iovpipeProcess.js';
import { changesIn, eventsOf, type Happening, signalAfter } from '../support/killMoment.js';
import { seededRandom } from '../support/seededRandom.js';
import { until } from '../support/until.js';

const SEED = Number(process.env.IOVPIPE_SEED ?? 2022);
const COMMANDS = Number(process.env.IOVPIPE_COMMANDS ?? 500);
const KILLS = Number(process.env.IOVPIPE_KILLS ?? 8);
const CALLERS = 16;
const CODES = ['LSV1', 'LFV2'] as const;
const CARDS = Array.from({ length: 40 }, (_, index) => `898600123456789${String(index).padStart(5, '0')}`);
const codeOf = (card: number) => CODES[card % CODES.length]!;
const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);

const source = (file: string) => `{ dueFiles: { ${file}, pollMs: 20, retryDelayMsMin: 10, retryDelayMsMax: 300 } }`;
const head = (port: number) => `peers: \${file:peers.yaml}
connections:
  here: { https: { listen: 127.0.0.1:${port}, cert: "\${file:tls.crt}", key: "\${secret:tls.key}" } }
archive: { sqlite: { path: var/archive.db } }
pipelines:
`;
const delivery = (name: string, file: string, places: string) => `  ${name}:
    source: ${source(file)}
    operators:
      - collect: { ${file}, ${places} }
      - zip: {}
      - encrypt: { peer: regulator }
    sink: { directory: { directory: inbox } }
`;
const operatorPipelines = (port: number, url: string) => `${head(port)}  commands-in:
    source: { https: { on: here, path: /t2/command, request: 5 } }
    operators:
      - authenticate: {}
      - findCard: {}
      - expect: { file: KH, code: "0002" }
      - expect: { file: HT, codeOf: maker }
    sink: { requests: {} }
  contracts-asked:
    source: ${source('file: HT, peer: oem, until: asked')}
    operators:
      - sign: { peer: oem }
      - order: { table: 1 }
    sink: { https: { url: "${url}", ca: "\${file:ca.crt}", ratePerSecondMax: 500, retry: { attemptsMax: 1 } } }
${delivery('pictures-out', 'file: KH', 'photos: [{ directory: "photos/{iccid}" }]')}`;
const makerPipelines = (port: number) => `${head(port)}  commands-in:
    source: { https: { on: here, path: /t1/command, request: 1 } }
    operators:
      - authenticate: {}
      - findCard: { directory: "contracts/{iccid}" }
      - expect: { file: HT }
    sink: { requests: {} }
${delivery('contracts-out', 'file: HT', 'contracts: [{ directory: "contracts/{iccid}" }]')}`;

interface Role {
  folder: string;
  path: string;
  finals: FinalNames;
  happenings: Happening[];
  running: IovpipeProcess;
}

/** A role in a folder of its own, with a picture of each card. */
function site(
  folder: string,
  tls: Certificates,
  given: { pipeline: string; peers: Record<string, Peer>; pictures: string },
): Omit<Role, 'running' | 'happenings'> {
  const path = writeSite({
    folder,
    pipeline: given.pipeline,
    peers: given.peers,
    secrets: { 'tls.key': tls.key },
    files: { 'tls.crt': tls.cert, 'ca.crt': tls.ca },
  });
  for (const name of ['var', 'inbox', ...CARDS.map((iccid) => join(given.pictures, iccid))])
    mkdirSync(join(folder, name), { recursive: true });
  for (const iccid of CARDS) writeFileSync(join(folder, given.pictures, iccid, 'page.png'), PNG);
  return { folder, path, finals: new FinalNames(join(folder, 'inbox')) };
}

const openStore = (folder: string, readOnly: boolean) =>
  openSqliteStore({ path: join(folder, 'var/archive.db'), clock: systemClock, log: keptLog(), readOnly });

interface Command {
  id: string;
  cards: number[];
}

/** The regulator: each command over a connection of its own, again under the same RequestID until it is answered. */
class Regulator extends EventEmitter<{ answer: [string] }> {
  readonly wrong: string[] = [];
  broken = 0;
  readonly #url: string;
  readonly #ca: string;
  readonly #auth: object;

  constructor(url: string, ca: string, { platformId, password }: Peer) {
    super();
    this.#url = url;
    this.#ca = ca;
    this.#auth = { PlatformID: platformId, SignNature: signNature(platformId, password) };
  }

  async send(commands: readonly Command[], up: () => Promise<unknown>): Promise<void> {
    const left = [...commands].reverse();
    const call = async () => {
      for (let command = left.pop(); command; command = left.pop()) await this.#untilAnswered(command, up);
    };
    await Promise.all(Array.from({ length: CALLERS }, call));
  }

  async #untilAnswered({ id, cards }: Command, up: () => Promise<unknown>): Promise<void> {
    const ICCID = cards.map((card) => CARDS[card]).join(',');
    const body = JSON.stringify({ Auth: this.#auth, RequestID: id, OperatorID: '9999', ICCID });
    for (;;) {
      await up().catch(() => undefined);
      const heard = await post(this.#url, this.#ca, body).catch(() => undefined);
      if (heard?.body.OprRst === '1') return void this.emit('answer', id);
      this.broken += 1;
      if (heard && heard.body.FailureCause !== '604') return void this.wrong.push(`${id}: ${heard.body.FailureCause}`);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

/** Looks into the ledger of a running role until it says so. A change of its files comes a moment before it can be read. */
async function untilLedger(role: Role, what: string, says: (files: StoreStatus['dueFiles']) => boolean): Promise<void> {
  const store = await openStore(role.folder, true);
  await until(what, () => says(store.status().dueFiles), { ms: 200_000 }).finally(() => store.close());
}

async function twoRoles(t: Test) {
  const tls = await makeCertificates();
  const [operatorPort, makerPort] = [await freePort(), await freePort()];
  const regulator: Peer = { platformId: 'MIIT', password: newPassword(), codes: [], cipher: newCipher() };
  const between: Peer = { platformId: 'OPERATOR', password: newPassword(), codes: [...CODES] };
  const folder = t.testdir({ operator: {}, maker: {} });
  const operator = site(join(folder, 'operator'), tls, {
    pipeline: operatorPipelines(operatorPort, `https://127.0.0.1:${makerPort}/t1/command`),
    peers: { regulator, oem: between },
    pictures: 'photos',
  });
  const maker = site(join(folder, 'maker'), tls, {
    pipeline: makerPipelines(makerPort),
    peers: { operator: between, regulator },
    pictures: 'contracts',
  });
  const store = await openStore(operator.folder, false);
  await store.commit([
    (transaction) => {
      for (const [card, iccid] of CARDS.entries())
        transaction.putCardSide(iccid, 'registration', { fields: {}, tags: { code: codeOf(card) } });
    },
  ]);
  await store.close();
  const sender = new Regulator(`https://127.0.0.1:${operatorPort}/t2/command`, tls.ca, regulator);
  const run = ({ path, folder }: { path: string; folder: string }) => new IovpipeProcess(['run', path], folder);
  const withRun = (role: Omit<Role, 'running' | 'happenings'>): Role => ({
    ...role,
    happenings: [
      eventsOf(sender, 'answer'),
      changesIn(join(role.folder, 'var')),
      changesIn(join(role.folder, 'inbox'), (name) => role.finals.lookAt(name)),
    ],
    running: run(role),
  });
  return { operator: withRun(operator), maker: withRun(maker), sender, run };
}

t.test('a command that was answered is fulfilled once, whoever is killed when', async (t) => {
  t.setTimeout(600_000);
  t.comment(`seed ${SEED}`);
  const random = seededRandom(SEED);
  const draw = (min: number, max: number) => min + Math.floor(random() * (max - min + 1));
  const commands = Array.from({ length: COMMANDS }, (_, index): Command => {
    const card = draw(0, CARDS.length - 2);
    return { id: `CMD-${index}`, cards: index % 10 === 0 ? [card, card + 1] : [card] };
  });
  const { operator, maker, sender, run } = await twoRoles(t);
  const roles = [operator, maker];
  await maker.running.ready();
  const sending = sender.send(commands, () => operator.running.ready());
  for (let kills = 0; kills < KILLS; kills += 1) {
    const role = roles[draw(0, 1)]!;
    await role.running.ready();
    const count = draw(1, Math.ceil(COMMANDS / KILLS / 2));
    const happening = role.happenings[draw(0, role.happenings.length - 1)]!;
    const { running } = role;
    void sending.then(() => running.signal('SIGKILL')); // one that nothing happens to any more
    const killed = await signalAfter(count, happening, running);
    if (!killed) throw new Error(`it ended by itself: ${running.words}`);
    role.running = run(role);
  }
  await sending;
  // what was left to be killed at the end of the sending has been: these stay
  for (const role of roles) await role.running.ready();
  t.same(sender.wrong, [], 'no command got another answer');

  const settled = (state: 'asked' | 'delivered', files: StoreStatus['dueFiles'], wanted: number) =>
    files.reduce((sum, file) => sum + file[state], 0) === wanted;
  const contracts = commands.flatMap(({ id, cards }) => cards.map((card) => `HT_${id}_${codeOf(card)}`)).sort();
  const pictures = commands.map(({ id }) => `KH_${id}_0002`).sort();
  const of = (content: string, files: StoreStatus['dueFiles']) => files.filter((file) => file.content === content);
  await untilLedger(operator, 'pictures and questions', (files) => {
    return (
      settled('delivered', of('KH', files), pictures.length) && settled('asked', of('HT', files), contracts.length)
    );
  });
  await untilLedger(maker, 'contracts', (files) => settled('delivered', files, contracts.length));
  for (const role of roles) role.running.signal('SIGTERM');
  t.same(await Promise.all(roles.map((role) => role.running.ended)), [
    { code: 0, signal: null },
    { code: 0, signal: null },
  ]);

  const delivered = (role: Role) => readdirSync(join(role.folder, 'inbox')).sort();
  t.same(
    delivered(operator),
    pictures.map((name) => `${name}.bin`),
    'each picture file is there, and nothing else',
  );
  t.same(
    delivered(maker),
    contracts.map((name) => `${name}.bin`),
    'each contract file',
  );
  for (const role of roles) {
    role.finals.lookAtAll();
    t.same(role.finals.problems, [], 'no file was replaced by another');
    const store = await openStore(role.folder, true);
    t.same(store.deadLetters(), []);
    t.equal(
      dueFilesOf(store),
      role === operator ? pictures.length + contracts.length : contracts.length,
      'due once each',
    );
    await store.close();
  }
  t.comment(`${KILLS} kills, ${COMMANDS} commands, ${sender.broken} attempts broken`);
});

const dueFilesOf = (store: Store) =>
  store
    .status()
    .dueFiles.reduce((sum, { open, asked, delivered, failed }) => sum + open + asked + delivered + failed, 0);
