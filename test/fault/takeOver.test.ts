import { appendFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { ClickHouseOptions } from '../../stores/clickhouse/options.js';
import { newArchive, startClickHouse } from '../support/clickhouse.js';
import { IovpipeProcess } from '../support/iovpipeProcess.js';
import { type Produced, startKafka } from '../support/kafka.js';
import { kafkaSite } from '../support/kafkaSite.js';
import { iccidOf } from '../support/messages.js';
import { card, companyRegistration } from '../support/records.js';
import { until } from '../support/until.js';
import { within } from '../support/within.js';

const [kafka, server] = await Promise.all([startKafka(), startClickHouse()]);
if (kafka) t.teardown(() => kafka.stop());
if (server) t.teardown(() => server.stop());
t.setTimeout(240_000);

const ROUNDS = 12;
const IN_ROUND = 200;
const KILL_IN = 5;
const ALL = ROUNDS * IN_ROUND;

const numbers = (round: number) => Array.from({ length: IN_ROUND }, (_, index) => round * IN_ROUND + index);
const registered = (number: number): Produced => {
  const ICCID = iccidOf(number);
  const value = JSON.stringify({ ...companyRegistration(), ICCID });
  return { value, key: ICCID, headers: { RequestID: `R-${number}`, PlatformID: 'OEM-1', OperType: '1' } };
};
const known = (number: number): Produced => {
  const ICCID = iccidOf(number);
  return { value: JSON.stringify({ ...card(), ICCID }), key: ICCID };
};

/** As pipelines/cluster-join.yaml has it, between topics of its own. */
async function joinTopics() {
  if (!kafka || !server) throw new Error('skipped');
  const [registrations, cards, accounts] = [await kafka.topic(2), await kafka.topic(2), await kafka.topic(2)];
  const pipeline = (name: string, topic: string, more: string, operators: string) => `  ${name}:
    source: { kafka: { on: bus, topics: [${topic}], group: g-${topic}, commitMs: 50, sessionTimeoutMs: 2000${more} } }
    operators: [${operators}, { order: { table: 12 } }]
    sink: { kafka: { on: bus, topic: ${accounts} } }
`;
  const pipelines =
    pipeline(
      'registrations',
      registrations,
      ', authenticated: true',
      '{ limitCards: { max: 10 } }, { join: { cards: ICCID } }',
    ) + pipeline('cards', cards, '', '{ join: { registrations: ICCID } }');
  const site = (folder: string, { url, database }: ClickHouseOptions) => {
    mkdirSync(folder);
    const clickhouse = { url, database, ledger: 'var/join.db', cards: true, batchDelayMs: 20 };
    return kafkaSite(folder, kafka.brokers, pipelines, { archive: { clickhouse } });
  };
  /** How often each request came out of it. */
  const cameOut = async () => {
    const counts = new Map<string, number>();
    for (const { headers = [] } of await kafka.contents(accounts, 2)) {
      const [id = ''] = headers.flatMap(({ RequestID }) => (RequestID === undefined ? [] : String(RequestID)));
      counts.set(id, (counts.get(id) ?? 0) + 1);
    }
    return counts;
  };
  return { kafka, server, registrations, cards, site, cameOut };
}

t.test(
  'the machine that joins is lost, and another one goes on where ClickHouse has its state',
  { skip: kafka && server ? false : 'no Kafka or no ClickHouse' },
  async (t) => {
    const { kafka, server, registrations, cards, site, cameOut } = await joinTopics();
    const folder = t.testdir({});
    const archive = await newArchive(server, join(folder, 'unused.db'));
    const [lost, next] = [join(folder, 'lost'), join(folder, 'next')];
    const paths = [site(lost, archive), site(next, archive)] as const;
    const first = new IovpipeProcess(['run', paths[0]], lost);
    t.teardown(() => first.signal('SIGKILL'));
    await first.ready();
    let second: IovpipeProcess | undefined;
    t.teardown(() => second?.signal('SIGKILL'));
    // of every round one half of the cards waits for its registration, the other half of the registrations for its card
    const late: Produced[][] = [[], []];
    for (let round = 0; round < ROUNDS; round += 1) {
      const [even, odd] = [0, 1].map((rest) => numbers(round).filter((number) => number % 2 === rest));
      await kafka.produce(cards, (even ?? []).map(known));
      await kafka.produce(registrations, (odd ?? []).map(registered));
      late[0]?.push(...(even ?? []).map(registered));
      late[1]?.push(...(odd ?? []).map(known));
      if (round % 2 === 0) {
        await kafka.produce(registrations, late[0]?.splice(0, IN_ROUND / 2) ?? []);
        await kafka.produce(cards, late[1]?.splice(0, IN_ROUND / 2) ?? []);
      }
      if (round === KILL_IN - 1) await until('something has come out', async () => (await cameOut()).size > 0);
      if (round !== KILL_IN) continue;
      first.signal('SIGKILL');
      await first.ended;
      second = new IovpipeProcess(['run', paths[1]], next);
    }
    const whole = await within(
      60_000,
      'the take-over',
      second?.says(({ msg }) => /is this ledger’s now$/.test(msg)) ?? Promise.reject(),
    );
    const waiting = Number(whole.waitingForCard) + Number(whole.waitingForRegistration);
    t.ok(waiting > 0, `${waiting} cards waited when it was taken over`);
    await second?.ready();
    await kafka.produce(registrations, late[0] ?? []);
    await kafka.produce(cards, late[1] ?? []);
    let found = await cameOut();
    const all = async () => {
      found = await cameOut();
      return found.size >= ALL;
    };
    await until('every registration', all, { ms: 90_000, instead: () => `${found.size} of ${ALL}; ${second?.words}` });
    const missing = Array.from({ length: ALL }, (_, number) => `R-${number}`).filter((id) => !found.has(id));
    t.same(missing, []);
    t.equal(found.size, ALL, 'and nothing else');
    t.comment(`${[...found.values()].reduce((sum, count) => sum + count, 0) - ALL} came twice`);

    const again = new IovpipeProcess(['run', paths[0]], lost);
    t.same(
      await within(60_000, 'the refusal', again.ended),
      { code: 1, signal: null },
      'no service manager starts it again',
    );
    t.match(
      again.words,
      /the state by card in ClickHouse belongs to .+, and was taken over from this ledger.+move .+join\.db/,
    );
    second?.signal('SIGTERM');
    t.same(await within(60_000, 'the stop', second?.ended ?? Promise.reject()), { code: 0, signal: null });
  },
);

t.test(
  'what changes a card waits in its topic while ClickHouse is away, and ends at whoever has not the state any more',
  { skip: kafka && server?.control ? false : 'no Kafka or no ClickHouse of our own' },
  async (t) => {
    const { kafka, server, cards, site } = await joinTopics();
    const folder = t.testdir({});
    const archive = await newArchive(server, join(folder, 'unused.db'));
    const path = site(join(folder, 'join'), archive);
    appendFileSync(path, 'drainMs: 500\n');
    const daemon = new IovpipeProcess(['run', path], join(path, '..'));
    t.teardown(() => daemon.signal('SIGKILL'));
    await daemon.ready();
    const committed = async () =>
      (await kafka.committed(`g-${cards}`, cards, 2)).reduce((sum, offset) => sum + Math.max(0, offset), 0);
    await kafka.produce(cards, [known(1)]);
    await until('the first', async () => (await committed()) === 1);
    await server.control?.kill();
    await kafka.produce(cards, [known(2), known(3)]);
    await within(
      60_000,
      'an alarm',
      daemon.says(({ alarm }) => alarm === 'archiveUnreachable'),
    );
    daemon.signal('SIGTERM');
    t.same(await within(20_000, 'the stop', daemon.ended), { code: 0, signal: null });
    t.equal(await committed(), 1, 'nothing that ClickHouse does not have');
    await server.control?.again();
    const again = new IovpipeProcess(['run', path], join(path, '..'));
    t.teardown(() => again.signal('SIGKILL'));
    await again.ready();
    await until('the others', async () => (await committed()) === 3);
    t.equal(await server.ask(`SELECT count() FROM ${archive.database}.known_cards`), '3');

    // another machine takes over beside it: whoever was the owner ends as soon as it has something to bring
    const next = site(join(folder, 'next'), archive);
    const other = new IovpipeProcess(['run', next], join(next, '..'));
    t.teardown(() => other.signal('SIGKILL'));
    await other.ready();
    await kafka.produce(cards, numbers(1).map(known));
    t.same(await within(60_000, 'its end', again.ended), { code: 2, signal: null });
    t.match(
      again.said.filter(({ alarm }) => alarm),
      [{ alarm: 'cardsElsewhere', code: 'CARDS_ELSEWHERE' }],
    );
    await until('all', async () => (await committed()) === 3 + IN_ROUND);
    t.equal(await server.ask(`SELECT count() FROM ${archive.database}.known_cards`), String(3 + IN_ROUND));
    other.signal('SIGTERM');
    await other.ended;
  },
);
