import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Peer } from '../../contract/peer.js';
import { newCipher, newPassword, writeSite } from '../../demo/site.js';
import { cutoffMs, cutoffOf } from '../../notice/cutoff.js';
import type { ClickHouseOptions } from '../../stores/clickhouse/options.js';
import { brokenSequences, type DeliveredFile, deliveredFile } from './deliveredFiles.js';
import { IovpipeProcess } from './iovpipeProcess.js';
import type { Kafka, Produced } from './kafka.js';
import { LANE_TIMES } from './lanes.js';
import { iccidOf } from './messages.js';
import type { ServerAddress } from './operatorSite.js';

const DAY_MS = 86_400_000;
const NEAR_MS = 900_000;

/** Times of the lanes: a test has not long to wait, and a daemon on a busy machine that stands still for a moment lives on. */
const CLUSTER_TIMES = { ...LANE_TIMES, marginMs: 1_500, takeOverMs: 1_000 };

export interface ClusterOptions {
  kafka: Kafka;
  archive: Pick<ClickHouseOptions, 'url' | 'database'>;
  upload: string;
  lanes: number;
  bytesMax: number;
  /** So many records are shared out at once; few by default, for tests have small files. */
  stretchRecordsMax?: number;
  /** Of zip; least by default. */
  level?: number;
  /** No daemon outlives it. */
  lifetimeMs?: number;
  times?: Partial<typeof LANE_TIMES>;
}

/** When the day of a cluster ends: the next midnight, or the one after where a test might live to see it. */
export function dayEndMs(): number {
  return cutoffMs(`${cutoffOf(Date.now() + NEAR_MS + DAY_MS).slice(0, 8)}00`);
}

/** What the daemons of one cluster have in common, and the daemons as they come and go. */
export class Cluster {
  readonly regulator: Peer = { platformId: 'MIIT-PLATFORM', password: newPassword(), codes: [], cipher: newCipher() };
  readonly #options: ClusterOptions;
  readonly #topics: { accepted: string; lanes: string };
  /** The clock of its daemons is so far ahead of the machine's. */
  #aheadMs = 0;

  private constructor(options: ClusterOptions, topics: { accepted: string; lanes: string }) {
    this.#options = options;
    this.#topics = topics;
  }

  static async create(options: ClusterOptions): Promise<Cluster> {
    const topics = { accepted: await options.kafka.topic(4), lanes: await options.kafka.topic(options.lanes) };
    return new Cluster(options, topics);
  }

  /** For daemons that start from now on the day ends in so long: what was accepted before that is in its window. */
  dayEndsIn(ms: number): void {
    this.#aheadMs = dayEndMs() - ms - Date.now();
  }

  /** Records on their way to the archive, as an intake daemon would have left them. */
  async accept(records: readonly { iccid: string; bytes: Uint8Array }[]): Promise<void> {
    const messages = records.map(
      ({ iccid, bytes }): Produced => ({ value: bytes, key: iccid, headers: { ICCID: iccid } }),
    );
    await this.#options.kafka.produce(this.#topics.accepted, messages);
  }

  /** A daemon's folder with its pipeline file. */
  site(folder: string, server: ServerAddress): string {
    return writeSite({
      folder,
      pipeline: this.#pipeline(server),
      peers: { regulator: this.regulator },
      secrets: { 'sftp.key': server.privateKey },
      files: {},
    });
  }

  start(path: string): IovpipeProcess {
    return new IovpipeProcess(['run', path], join(path, '..'), Date.now() + this.#aheadMs, this.#options.lifetimeMs);
  }

  #pipeline(server: ServerAddress): string {
    const { kafka, archive, upload, bytesMax, times, level = 1, stretchRecordsMax = 500 } = this.#options;
    const { accepted, lanes } = this.#topics;
    const laneTimes = Object.entries({ ...CLUSTER_TIMES, ...times }).map(([name, ms]) => `${name}: ${ms}`);
    return `peers: \${file:peers.yaml}
connections:
  bus: { kafka: { brokers: ["${kafka.brokers}"], retryDelayMsMax: 200, connectTimeoutMs: 1000 } }
  lanes: { lanes: { on: bus, topic: ${lanes}, group: g-${lanes}, ${laneTimes.join(', ')} } }
  regulator:
    sftp:
      host: ${server.host}
      port: ${server.port}
      username: ${server.username}
      privateKey: \${secret:sftp.key}
      hostKey: ${JSON.stringify(server.hostKey)}
      lanes: lanes
      replaceAfterMs: 200
      retryDelayMsMin: 50
      retryDelayMsMax: 500
archive: { clickhouse: { url: "${archive.url}", database: ${archive.database}, ledger: var/ledger.db } }
pipelines:
  accounts-archive:
    source: { kafka: { on: bus, topics: [${accepted}], group: g-${accepted}, as: bytes, commitMs: 100, sessionTimeoutMs: 3000 } }
    sink: { archive: { kind: KH, code: "0002" } }
  accounts-daily:
    schedule: { at: "0 0 * * *" }
    source:
      archive: { kind: KH, window: day, stretchRecordsMax: ${stretchRecordsMax}, behind: { on: bus, topics: [${accepted}], group: g-${accepted}, clockSkewMs: 0 } }
    operators:
      - split: { bytesMax: ${bytesMax}, name: "KH_{code}_{cutoff}_P_{seq}" }
      - lanes: { on: lanes, lookMs: 500 }
      - zip: { level: ${level} }
      - encrypt: { peer: regulator }
    sink: { sftp: { on: regulator, directory: ${upload} } }
`;
  }
}

/** The window has been delivered, as far as this daemon knows, whoever did it. */
export const isDelivered = ({ msg, pipeline }: { msg: string; pipeline?: unknown }): boolean =>
  pipeline === 'accounts-daily' && (msg === 'window delivered' || msg === 'this window has been delivered before');

/**
 * Counts the connections that a server on a port of this machine holds, at its own end, again and again. The kernel's table is
 * no picture of one moment: on a busy machine a reading of it may show a connection that closed meanwhile, and the one that
 * opened after it. Those that two readings have in common were there together, between the two.
 */
export class ConnectionCount {
  /** The most that were there at once. */
  most = 0;
  looks = 0;
  #before = new Set<string>();
  readonly #looking: NodeJS.Timeout;

  constructor(port: number, everyMs = 5) {
    const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
    this.#looking = setInterval(() => {
      const now = connectionsAt(local);
      this.looks += 1;
      this.most = Math.max(this.most, [...now].filter((one) => this.#before.has(one)).length);
      this.#before = now;
    }, everyMs);
  }

  stop(): void {
    clearInterval(this.#looking);
  }
}

const ESTABLISHED = '01';
/** Closed by the client alone: the server still counts such a one. */
const CLOSE_WAIT = '08';

/** Each by its client's address. */
function connectionsAt(local: string): Set<string> {
  const lines = readFileSync('/proc/net/tcp', 'latin1').split('\n');
  const rows = lines.map((line) => line.trim().split(/\s+/));
  const open = rows.filter(
    ([, from = '', , state = '']) => from.endsWith(local) && (state === ESTABLISHED || state === CLOSE_WAIT),
  );
  return new Set(open.map(([, , to = '']) => to));
}

/** What is not as promised of a window of the first so many `smallRecords`, read file by file; empty where all is well. */
export function faultsOfWindow(directory: string, peer: Peer, records: number): string[] {
  const times = new Uint8Array(records);
  const strange: string[] = [];
  const files = readdirSync(directory).map((fileName): DeliveredFile => {
    const file = deliveredFile(directory, fileName, peer);
    for (const { ICCID } of file.records) {
      const index = Number(BigInt(String(ICCID)) - FIRST_ICCID);
      if (index in times) times[index] = (times[index] ?? 0) + 1;
      else strange.push(`${fileName} holds a record that nobody accepted`);
    }
    return { ...file, text: '', records: [] };
  });
  const wrong = [...times.keys()].filter((index) => times[index] !== 1);
  return [
    ...brokenSequences(files).map((window) => `${window}: its sequence is not whole, or has not one end`),
    ...strange.slice(0, 10),
    ...wrong.slice(0, 10).map((index) => `record ${index} came ${times[index]} times`),
  ];
}

const FIRST_ICCID = BigInt(iccidOf(0));

/** Accounts as bytes, each with a card of its own: no more of table 12 than a check of what arrived needs. */
export function smallRecords(from: number, to: number, bytes: number): { iccid: string; bytes: Uint8Array }[] {
  return Array.from({ length: to - from }, (_, index) => {
    const iccid = iccidOf(from + index);
    const start = `{"ICCID":"${iccid}","LogginginAddress":"`;
    return { iccid, bytes: Buffer.from(`${start}${'x'.repeat(Math.max(0, bytes - start.length - 2))}"}`) };
  });
}
