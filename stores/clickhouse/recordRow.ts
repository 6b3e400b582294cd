import type { NewRecord } from '../../contract/store.js';
import { storedKind } from '../storedKind.js';
import { RowWriter } from './rowBinary.js';

/** A row of the table `records`. */
export interface RecordRow {
  /** See {@link storedKind}. */
  kind: string;
  code: string;
  position: number;
  acceptedAt: number;
  iccid: string;
  requestId: string;
  platformId: string;
  bytes: Uint8Array;
}

export function recordRow(record: NewRecord, position: number, acceptedAt: number): RecordRow {
  const { code, iccid = '', requestId = '', platformId = '', bytes } = record;
  return { kind: storedKind(record), code, position, acceptedAt, iccid, requestId, platformId, bytes };
}

/** About what a row takes besides its bytes. */
export const ROW_BYTES = 150;

/** In the order of the table's columns. */
export function encodedRows(rows: readonly RecordRow[]): Buffer {
  const writer = new RowWriter();
  for (const { kind, code, position, acceptedAt, iccid, requestId, platformId, bytes } of rows) {
    writer.text(kind);
    writer.text(code);
    writer.number64(position);
    writer.number64(acceptedAt);
    writer.text(iccid);
    writer.text(requestId);
    writer.text(platformId);
    writer.number32(bytes.byteLength);
    writer.blob(bytes);
  }
  return writer.done();
}
