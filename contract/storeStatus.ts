import type { WindowRow } from './file.js';

export interface StoreStatus {
  records: { kind: string; code: string; count: number; bytes: number; lastAcceptedAt: number }[];
  /** Cards by what has come so far. */
  cards: { complete: number; waitingForCard: number; waitingForRegistration: number };
  windows: (WindowRow & {
    files: number;
    filesPacked: number;
    filesUploading: number;
    filesDelivered: number;
    recordsDelivered: number;
    recordsTotal: number;
  })[];
  deadLetters: number;
  /** Files that are or were due, by content and who owes them. */
  dueFiles: {
    content: 'KH' | 'HT';
    code: string;
    open: number;
    asked: number;
    delivered: number;
    /** Of those delivered: after their time. */
    late: number;
    failed: number;
    /** Not delivered in time, nor since. */
    expired: number;
    /** Of those that are open or asked. */
    nextDueAt?: number;
  }[];
}

/** One step in the life of a RequestID, a card or a file. */
export interface TraceStep {
  at: number;
  step:
    | 'accepted'
    | 'waiting'
    | 'archived'
    | 'window'
    | 'due'
    | 'asked'
    | 'file'
    | 'packed'
    | 'delivered'
    | 'expired'
    | 'failed'
    | 'dead';
  text: string;
}
