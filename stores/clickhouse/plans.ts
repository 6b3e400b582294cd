import type { FilePlan, WindowKey } from '../../contract/file.js';
import { coveredBy } from '../refusals.js';
import type { Tables } from './schema.js';
import type { ClickHouseServer } from './server.js';
import { type Sql, sql } from './sql.js';

/** What a window covers: `fromMs` (included) to `toMs` (excluded), by time of acceptance. */
export interface PlannedWindow {
  fromMs: number;
  toMs: number;
  records: number;
}

export interface Delivery {
  plan: FilePlan;
  fromPosition: number;
  toPosition: number;
  remotePath: string;
  deliveredAt: number;
  bytes: number;
  sm3: string;
}

/** Windows and deliveries as all machines see them. A plan is a function of the key and of the plans before it. */
export class Plans {
  readonly #server: ClickHouseServer;
  readonly #tables: Tables;
  readonly #host: string;

  constructor(server: ClickHouseServer, tables: Tables, host: string) {
    this.#server = server;
    this.#tables = tables;
    this.#host = host;
  }

  async find(key: WindowKey): Promise<PlannedWindow | undefined> {
    const query = sql`SELECT from_ms, to_ms, records FROM ${this.#windows} WHERE ${ofWindow(key)} ORDER BY planned_at LIMIT 1`;
    const [row] = await this.#server.rows('looking for a window', query);
    return row && { fromMs: Number(row[0]), toMs: Number(row[1]), records: Number(row[2]) };
  }

  /**
   * Where a window begins: a `P` window where the one before it ended, an `F` window with the first record. The same for
   * whoever asks, also while another machine plans the same window.
   * @throws IovError WINDOW_COVERED where a later `P` window has been planned
   */
  async beginOf(key: WindowKey): Promise<number> {
    const { kind, code, cutoff, type } = key;
    if (type === 'F') return 0;
    const ofKind = sql`FROM ${this.#windows} WHERE kind = ${kind} AND code = ${code} AND type = 'P'`;
    const later = sql`SELECT cutoff ${ofKind} AND cutoff > ${cutoff} ORDER BY cutoff LIMIT 1`;
    const [after] = await this.#server.rows('looking for a later window', later);
    if (after) throw coveredBy(after[0] ?? '', key);
    const earlier = sql`SELECT to_ms ${ofKind} AND cutoff < ${cutoff} ORDER BY cutoff DESC, planned_at LIMIT 1`;
    const [before] = await this.#server.rows('looking for the window before', earlier);
    return Number(before?.[0] ?? 0);
  }

  /** Up to when records that came twice have been looked for: the end of the latest window of this kind and code. */
  async searchedUntil({ kind, code }: WindowKey): Promise<number> {
    const query = sql`SELECT max(to_ms) FROM ${this.#windows} WHERE kind = ${kind} AND code = ${code}`;
    return Number((await this.#server.rows('looking for windows', query))[0]?.[0] ?? 0);
  }

  async add(key: WindowKey, { fromMs, toMs, records }: PlannedWindow, pipeline: string, nowMs: number): Promise<void> {
    const { kind, code, type, cutoff } = key;
    await this.#server.run(
      'planning a window',
      sql`INSERT INTO ${this.#windows} SELECT ${kind}, ${code}, ${type}, ${cutoff}, toInt64(${fromMs}), toInt64(${toMs}), toUInt64(${records}), ${pipeline}, ${this.#host}, toInt64(${nowMs})`,
    );
  }

  async deliveries(key: WindowKey): Promise<Delivery[]> {
    const query = sql`SELECT plan, from_position, to_position, remote_path, delivered_at, bytes, sm3 FROM ${this.#tables.named('deliveries')} WHERE ${ofWindow(key)} ORDER BY file, delivered_at DESC LIMIT 1 BY file`;
    return (await this.#server.rows('looking for deliveries', query)).map(
      ([plan, from, to, remotePath, deliveredAt, bytes, sm3]) => ({
        plan: JSON.parse(plan ?? '') as FilePlan,
        fromPosition: Number(from),
        toPosition: Number(to),
        remotePath: remotePath ?? '',
        deliveredAt: Number(deliveredAt),
        bytes: Number(bytes),
        sm3: sm3 ?? '',
      }),
    );
  }

  async addDelivery(key: WindowKey, delivery: Delivery): Promise<void> {
    const { kind, code, type, cutoff } = key;
    const { plan, fromPosition, toPosition, remotePath, deliveredAt, bytes, sm3 } = delivery;
    await this.#server.run(
      'noting a delivery',
      sql`INSERT INTO ${this.#tables.named('deliveries')} SELECT ${kind}, ${code}, ${type}, ${cutoff}, ${plan.baseName}, toUInt64(${bytes}), ${sm3}, ${remotePath}, ${JSON.stringify(plan)}, toUInt64(${fromPosition}), toUInt64(${toPosition}), ${this.#host}, toInt64(${deliveredAt})`,
    );
  }

  get #windows(): Sql {
    return this.#tables.named('windows');
  }
}

function ofWindow({ kind, code, type, cutoff }: WindowKey): Sql {
  return sql`kind = ${kind} AND code = ${code} AND type = ${type} AND cutoff = ${cutoff}`;
}

/** Which records stand in a file, and how much text they make. */
export const cutOf = ({ plan, fromPosition, toPosition }: Pick<Delivery, 'plan' | 'fromPosition' | 'toPosition'>) => [
  fromPosition,
  toPosition,
  plan.records,
  plan.textBytes,
];

/** A window's bounds in the ledger: times of acceptance `from < at <= to`. */
export const positionsOf = ({ fromMs, toMs }: Pick<PlannedWindow, 'fromMs' | 'toMs'>) => ({
  fromPosition: fromMs - 1,
  toPosition: toMs - 1,
});

export function ledgerRange(planned: PlannedWindow): [from: number, to: number, records: number] {
  const { fromPosition, toPosition } = positionsOf(planned);
  return [fromPosition, toPosition, planned.records];
}
