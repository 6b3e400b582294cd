import type { StoredRequest } from '../../contract/store.js';
import type { Database, Statement } from './database.js';

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

/** Requests seen: a RequestID is unique for its platform, and answered alike each time it comes. */
export class Requests {
  readonly #get: Statement<RequestRow>;
  readonly #put: Statement;

  constructor(database: Database) {
    this.#get = database.prepare('SELECT * FROM requests WHERE request_id = ? AND platform_id = ?');
    this.#put = database.prepare(
      `INSERT INTO requests (request_id, platform_id, kind, code, iccid, digest, text_digest, accepted_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    );
  }

  get(platformId: string, requestId: string): StoredRequest | undefined {
    const row = this.#get.get(requestId, platformId);
    return row && storedRequest(row);
  }

  remember(request: Omit<StoredRequest, 'acceptedAt'>, acceptedAt: number): void {
    const { platformId, requestId, kind, code, iccid, digest, textDigest } = request;
    this.#put.run(requestId, platformId, kind, code, iccid, digest, textDigest, acceptedAt);
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
