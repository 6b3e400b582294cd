import { randomUUID } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { parse } from 'yaml';
import type { HttpsListener } from '../../connections/httpsListener.js';
import { loadRdKafka } from '../../connections/rdkafka.js';
import type { ComponentSpec, SourceSpec } from '../../contract/component.js';
import type { Connection } from '../../contract/connection.js';
import type { Context } from '../../contract/context.js';
import type { NewDueFile, Store } from '../../contract/store.js';
import { type Certificates, makeCertificates } from '../../demo/certificates.js';
import { newSshKeys, type SshKeys } from '../../demo/sshKeys.js';
import { component } from '../../engine/registry.js';
import { bareContext } from '../support/bareContext.js';
import { handedLanes } from '../support/handedLanes.js';
import { type Heard, post } from '../support/httpsChannel.js';
import { type Kafka, kafkaConnection, startKafka } from '../support/kafka.js';
import { accountMessage, maker } from '../support/messages.js';
import { startOpenSsh } from '../support/openssh.js';
import { optionsOf } from '../support/options.js';
import { sftpClient } from '../support/sftpClient.js';
import { append, DAY_16_MS, HOUR_MS, newRecord, testStore } from '../support/testStore.js';

/** Of the archive that sources read. */
const CODES = ['0001', '0002', '0003'];
export const CUTOFF = '2022111600';

/** A place in which any component can be created as the engine does, with real services behind it. */
export interface World {
  folder: string;
  store: Store;
  create<Spec extends ComponentSpec>(spec: Spec, changes?: object): Promise<Awaited<ReturnType<Spec['create']>>>;
  /** Opens the listener, once a source has told it its path. */
  listen(): Promise<void>;
  /** Gives a source so many items to read: lines of a file, callers, windows of an archive, dropped files. */
  supply(source: SourceSpec, count: number): Promise<void>;
  /** What callers heard, each when it is answered. */
  answers: Promise<Heard>[];
}

let broker: Promise<Kafka | undefined> | undefined;
/** One broker for a test file; it ends with the process, or when the file stops it. */
export function brokerHere(): Promise<Kafka | undefined> {
  broker ??= startKafka();
  return broker;
}

const hasRdKafka = await loadRdKafka().then(
  () => true,
  () => false,
);
/** Everything but Kafka where node-rdkafka is not built; under CI it must be. */
export const canBeHere = ({ name }: ComponentSpec): boolean =>
  name !== 'kafka' || hasRdKafka || Boolean(process.env.CI);

let made: Promise<{ tls: Certificates; keys: SshKeys }> | undefined;

export async function world(t: Test): Promise<World> {
  made ??= Promise.all([makeCertificates(), newSshKeys()]).then(([tls, keys]) => ({ tls, keys }));
  const { tls, keys } = await made;
  const { store, clock, path, log } = await testStore(t);
  const folder = join(path, '..');
  const fingerprint = keys.fingerprint;
  const connections: Record<string, Connection> = {};
  const answers: Promise<Heard>[] = [];
  const context: Context = {
    ...bareContext({ directory: folder, store, log }),
    clock,
    peers: { operator: maker, oem: maker, regulator: maker },
    connection: <Kind extends Connection>(name: string) => connections[name] as Kind,
    run: { cutoff: CUTOFF, atMs: DAY_16_MS, again: false },
  };
  // What an example says of the world, as it is here; everything else is taken from the example itself.
  const here: Record<string, object> = {
    'source file': { path: 'records.ndjson' },
    'source archive': { kind: 'KH', window: 'full' },
    'source sftpServer': {
      listen: '127.0.0.1:0',
      hostKey: keys.privateKey,
      directory: folder,
      logins: [{ username: 'oem1', publicKey: keys.publicKey.trim() }],
    },
    'source directoryWatch': { directory: join(folder, '{login}'), match: ['drop-*.bin'], pollMs: 10 },
    'source sftpWatch': { on: 'inbox', directory: 'upload', spool: join(folder, 'spool'), pollMs: 10 },
    'sink https': { url: 'https://127.0.0.1:9/t1/account', ca: tls.ca },
    'connection https': { listen: '127.0.0.1:0', cert: tls.cert, key: tls.key },
    'connection sftp': {
      host: '127.0.0.1',
      port: 9,
      username: 'oem1',
      privateKey: keys.privateKey,
      hostKey: fingerprint,
    },
  };
  const create: World['create'] = async (spec, changes = {}) => {
    const wanted = here[`${spec.role} ${spec.name}`] ?? (parse(spec.examples[0]?.yaml ?? '') as object);
    return spec.create(optionsOf(spec, { ...wanted, ...changes }), context) as never;
  };
  connections.t1 = (await create(component('connection', 'https')!)) as Connection;
  connections.regulator = (await create(component('connection', 'sftp')!)) as Connection;
  connections.lanes = handedLanes(3, [0, 1, 2]).lanes;
  if (hasRdKafka) connections.bus = await kafkaConnection('127.0.0.1:9');
  t.teardown(async () => {
    for (const connection of Object.values(connections)) await connection.close?.();
    await Promise.allSettled(answers);
  });
  const listener = connections.t1 as HttpsListener;
  const supply = async ({ name }: SourceSpec, count: number) => {
    const numbers = Array.from({ length: count }, (_, index) => index);
    if (name === 'file') {
      writeFileSync(join(folder, 'records.ndjson'), numbers.map((number) => `{"number":${number}}\n`).join(''));
    } else if (name === 'https') {
      const url = `https://127.0.0.1:${listener.port}/t1/account`;
      for (const number of numbers) {
        const answer = post(url, tls.ca, JSON.stringify(accountMessage(`R-${number}`)));
        answer.catch(() => undefined); // a listener that closes cuts off who is still on the way; it is waited for at the end
        answers.push(answer);
      }
    } else if (name === 'archive') {
      for (const code of CODES) await append(store, ...numbers.map((number) => newRecord(`{"n":${number}}`, { code })));
      clock.set(DAY_16_MS + HOUR_MS);
    } else if (name === 'sftpWatch') {
      const server = await startOpenSsh();
      if (!server) throw new Error('no OpenSSH server here (apt-get install openssh-server)');
      t.teardown(() => server.stop());
      for (const number of numbers) writeFileSync(join(server.directory, `drop-${number}.bin`), 'x');
      const inbox = await sftpClient(server);
      await inbox.list(server.directory, () => undefined, new AbortController().signal); // a connection is open already
      connections.inbox = inbox;
      here['source sftpWatch'] = { ...here['source sftpWatch'], directory: server.directory };
    } else if (name === 'kafka') {
      const kafka = await brokerHere();
      if (!kafka) throw new Error('no Kafka here (java, mvn, node-rdkafka)');
      const topic = await kafka.topic(2);
      await kafka.produce(
        topic,
        numbers.map((number) => ({ value: `{"RequestID":"R-${number + 10}"}` })),
      );
      connections.bus = await kafkaConnection(kafka.brokers);
      here['source kafka'] = { on: 'bus', topics: [topic], group: randomUUID(), pollMs: 1 };
    } else if (name === 'sftpServer' || name === 'directoryWatch') {
      mkdirSync(join(folder, 'oem1'));
      for (const number of numbers) writeFileSync(join(folder, 'oem1', `drop-${number}.bin`), 'x');
    } else if (name === 'dueFiles') {
      await store.commit(numbers.map((number) => (transaction) => transaction.addDueFile(dueFile(`R-${number}`))));
    } else throw new Error(`tell test/conformance/world.ts how the source ${name} gets something to read`);
  };
  return { folder, store, create, listen: () => listener.open(), supply, answers };
}

function dueFile(requestId: string): NewDueFile {
  const iccid = '89860012345678901234';
  return { name: `KH_${requestId}_0002`, content: 'KH', requestId, code: '0002', iccid, withinMs: 6 * HOUR_MS };
}
