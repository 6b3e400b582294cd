import type { DueFile } from './dueFile.js';

/** A batch or an album that somebody has sent, verified. */
export interface NewReceivedFile {
  /** PlatformID of whoever sent it; its files are apart from everybody else's. */
  sender: string;
  /** As it was sent: `KH_0002_2022111600_P_000001.bin`, `HT_CMD-7_LSV1.bin`. */
  name: string;
  content: 'KH' | 'CL' | 'HT';
  code: string;
  /** Of a batch. */
  batch?: BatchPart;
  /** Of an album. */
  requestId?: string;
  bytes: number;
  sm3: string;
  /** Records of a batch, pictures of an album. */
  count: number;
  /** When it got its final name. */
  receivedAt: number;
}

/** Which part of which window a batch is (notice 6.2.1.2 a, 6.2.2.2 a). */
export interface BatchPart {
  /** YYYYMMDDHH, Asia/Shanghai. */
  cutoff: string;
  type: 'P' | 'F';
  sequence: number;
  end: boolean;
}

export interface ReceivedFile extends NewReceivedFile {
  id: number;
  /** Records that have been taken from it so far; all of them where nothing interrupted. */
  loaded: number;
  /** Records that had come before: in any `P` file for a `P` file, in the same window for an `F` file. */
  twice: number;
  /** The file that brought the first of those. */
  twiceIn?: string;
}

/** A record of a received batch; kind and code are those of its file. */
export interface ReceivedRecord {
  bytes: Uint8Array;
  iccid?: string;
  requestId?: string;
}

/** The files of one kind and code of a sender. */
export interface Stream {
  sender: string;
  content: 'KH' | 'CL';
  code: string;
}

/** What came of one day: files of that day's cut-offs, and those due by what was accepted that day. */
export interface ReceivedDay {
  /** Who has sent batches up to that day, and the first cut-off of each type. */
  streams: (Stream & { firstP?: string; firstF?: string })[];
  /** Batches of that day's cut-offs, by sender, kind, code, type and sequence. */
  files: (ReceivedFile & { batch: BatchPart })[];
  /** Records of `P` windows up to a cut-off of that day that the `F` window of that cut-off lacks. */
  lacking: (Stream & { cutoff: string; records: number })[];
  due: DueCount[];
  /** Of those due the ones that were not there in time, at most 100. */
  notInTime: DueFile[];
}

/** Files that fell due, by content and who owes them. */
export interface DueCount {
  content: 'KH' | 'HT';
  /** Empty where it is unknown who owes them. */
  code: string;
  asked: number;
  inTime: number;
  late: number;
  /** Their time is over, and they have not come. */
  missing: number;
  /** Nobody tries any more. */
  failed: number;
  /** There is time left. */
  open: number;
}

export interface Received {
  /** @param day YYYYMMDD, Asia/Shanghai */
  day(day: string, nowMs: number): ReceivedDay;
}
