/** An export: what was accepted before `cutoff`, since the window before (`P`) or since ever (`F`). Notice 6.2.1.2 a. */
export interface WindowKey {
  kind: 'KH' | 'CL';
  code: string;
  /** YYYYMMDDHH, Asia/Shanghai. */
  cutoff: string;
  type: 'P' | 'F';
}

/** A window as the ledger has it. */
export interface WindowRow extends WindowKey {
  id: number;
  /**
   * Records with `fromPosition < position <= toPosition`; in an archive that is cut by time these are times of acceptance.
   * Only the store that made the row reads them.
   */
  fromPosition: number;
  toPosition: number;
  pipeline: string;
  state: 'open' | 'delivered';
  plannedAt: number;
  deliveredAt?: number;
  /** How its files were cut, fixed at the first run: `{bytesMax, format, …}` as JSON. */
  options: string;
}

/**
 * What a text file or an album is called and how it is to be encrypted; of a text file known once it is complete (its name
 * says `end`).
 */
export interface FilePlan {
  /** Without an extension: `KH_0002_2022111600_P_000003end`, `HT_CMD-7_LSV1`. */
  baseName: string;
  /** Absent for an album. */
  window?: WindowKey;
  /** Absent for an album. */
  sequence?: number;
  /** Records of a text file, pictures of an album. */
  records: number;
  /** Before compression. */
  textBytes: number;
  /** 32 hex digits, drawn once and kept in the ledger: what IVs are made of, so that packing again gives the same bytes. */
  iv: string;
  /** Time stamped into the zip: a function of the window, or of when the pictures were asked for. */
  mtimeMs: number;
  /** What the ledger knew when the plan was made. */
  state: FileState;
}

export type FileState = 'planned' | 'packed' | 'uploading' | 'delivered';

export interface PackedFile {
  /** The name it has, or will have, at the receiver: `KH_0002_2022111600_P_000001.bin`. */
  name: string;
  path: string;
  bytes: number;
  /** SM3 of the file as it stands on the disk, hex. */
  sm3: string;
  /** Absent for a received file. */
  plan?: FilePlan;
  /** Of a received file that `verify` has found to be right. */
  verified?: Verified;
}

/** What a received file holds. */
export interface Verified {
  /** Records of a batch, pictures of an album. */
  count: number;
  /** Before compression. */
  bytes: number;
  /** The records of a batch, read from the file once more; nothing is held in between. */
  records?(): AsyncIterable<Uint8Array>;
}
