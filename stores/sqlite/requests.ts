import type { SentFilter, SentRequests } from '../../contract/sent.js';
import type { StoredRequest } from '../../contract/store.js';
import { senderOf } from '../requestOnce.js';
import type { Database, Statement } from './database.js';
import { Tally } from './tally.js';

interface RequestRow {
  platform_id: string;
  request_id: string;
  kind: string;
  code: string;
  iccid: string | null;
  digest: string | null;
  text_digest: string | null;
  accepted_at: number;
}

/** In the order of its key, by day. */
export const SENT = `
  SELECT day, platform_id AS platformId, kind, code, requests, first_accepted_at AS firstAt, last_accepted_at AS lastAt
  FROM sent WHERE day BETWEEN @first AND @last AND (@platformId IS NULL OR platform_id = @platformId)
  ORDER BY day DESC, platform_id, kind DESC, code LIMIT @limit`;

/** Requests seen: a RequestID is unique for its platform, and answered alike each time it comes. */
export class Requests {
  /** Requests by sender, kind and code. */
  readonly tally: Tally<[sender: string, kind: string, code: string]>;
  readonly #get: Statement<RequestRow>;
  readonly #put: Statement;
  readonly #sent: Statement<SentRequests>;

  constructor(database: Database) {
    this.#get = database.prepare('SELECT * FROM requests WHERE request_id = ? AND platform_id = ?');
    this.#put = database.prepare(
      `INSERT INTO requests (request_id, platform_id, kind, code, iccid, digest, text_digest, accepted_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    const put = database.prepare(
      `INSERT INTO sent VALUES (strftime('%Y%m%d', @at / 1000, 'unixepoch', '+8 hours'), @sender, @kind, @code, @count, @at, @at)
       ON CONFLICT DO UPDATE SET requests = requests + excluded.requests, last_accepted_at = excluded.last_accepted_at`,
    );
    this.tally = new Tally(([sender, kind, code], { count, at }) => put.run({ sender, kind, code, count, at }));
    this.#sent = database.prepare(SENT);
  }

  get(platformId: string, requestId: string): StoredRequest | undefined {
    const row = this.#get.get(requestId, platformId);
    return row && storedRequest(row);
  }

  remember(request: Omit<StoredRequest, 'acceptedAt'>, acceptedAt: number): void {
    const { platformId, requestId, kind, code, iccid, digest, textDigest } = request;
    this.#put.run(requestId, platformId, kind, code, iccid, digest, textDigest, acceptedAt);
    this.tally.raise([senderOf(request), kind, code], 0, acceptedAt);
  }

  /** Reads counts, never the requests themselves. */
  sent({ day, platformId, limit }: SentFilter): SentRequests[] {
    const days = { first: day ?? '00000000', last: day ?? '99999999' };
    return this.#sent.all({ ...days, platformId: platformId ?? null, limit });
  }
}

function storedRequest(row: RequestRow): StoredRequest {
  return {
    platformId: row.platform_id,
    requestId: row.request_id,
    kind: row.kind,
    code: row.code,
    ...(row.iccid !== null && { iccid: row.iccid }),
    ...(row.digest !== null && { digest: row.digest }),
    ...(row.text_digest !== null && { textDigest: row.text_digest }),
    acceptedAt: row.accepted_at,
  };
}
