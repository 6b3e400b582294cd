import type { Tables } from './schema.js';
import type { ClickHouseServer } from './server.js';
import { sql } from './sql.js';

const DAY_MS = 86_400_000;
/** Requests that are grouped in the server's memory at once. */
const GROUPED_MAX = 4_000_000;

interface Range {
  kind: string;
  code: string;
  /** From this time (included) to that one (excluded), ms. */
  fromMs: number;
  toMs: number;
}

/**
 * Finds records that came twice, under two positions: a caller that tried again at another machine, a producer that sent
 * again, a dead letter that was retried and then replayed. What is the same request of the same platform for the same card, or
 * of the same place in a topic or a file (`ownIdentity`), as one that was accepted earlier, at most
 * `horizonMs` before, is noted in `excluded`. The earlier one counts (at the same time that of the lower position), so that
 * nothing is excluded from a window that has been planned; and the answer is the same whoever asks, and however often.
 */
export async function excludeDuplicates(
  server: ClickHouseServer,
  tables: Tables,
  range: Range,
  { horizonMs, timeoutMs }: { horizonMs: number; timeoutMs: number },
): Promise<void> {
  for (let fromMs = range.fromMs; fromMs < range.toMs; fromMs += DAY_MS) {
    const toMs = Math.min(range.toMs, fromMs + DAY_MS);
    await excludeIn(server, tables, { ...range, fromMs, toMs }, horizonMs, timeoutMs);
  }
}

async function excludeIn(
  server: ClickHouseServer,
  tables: Tables,
  { kind, code, fromMs, toMs }: Range,
  horizonMs: number,
  timeoutMs: number,
): Promise<void> {
  const records = tables.named('records');
  const key = sql`platform_id, request_id, iccid`;
  const within = sql`kind = ${kind} AND code = ${code} AND accepted_at >= ${fromMs - horizonMs} AND accepted_at < ${toMs} AND request_id != '' AND platform_id != ''`;
  const [counted] = await server.rows(
    'counting requests',
    sql`SELECT count() FROM ${records} WHERE ${within}`,
    timeoutMs,
  );
  const passes = Math.ceil(Number(counted?.[0] ?? 0) / GROUPED_MAX);
  for (let pass = 0; pass < passes; pass += 1) {
    // the inner grouping takes a row that was inserted twice once
    const requests = sql`SELECT ${key}, position, min(accepted_at) AS at FROM ${records} WHERE ${within} AND cityHash64(${key}) % ${passes} = ${pass} GROUP BY ${key}, position`;
    const repeated = sql`SELECT arraySort(groupArray((at, position))) AS found,
        arrayJoin(arrayFilter((index) -> index > 1 AND found[index].1 >= ${fromMs} AND found[index].1 - found[index - 1].1 <= ${horizonMs}, arrayEnumerate(found))) AS which
      FROM (${requests}) GROUP BY ${key} HAVING count() > 1`;
    const into = sql`INSERT INTO ${tables.named('excluded')} SELECT ${kind}, ${code}, found[which].2 FROM (${repeated})`;
    await server.run('looking for records that came twice', into, timeoutMs);
  }
}
