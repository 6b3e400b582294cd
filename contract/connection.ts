/** A shared means under `connections:`, opened once a process and closed last. */
export interface Connection {
  open?(): Promise<void>;
  close?(): Promise<void>;
  /** Callers that are connected now, and wait for an answer; other work gives way to them. */
  readonly callers?: number;
  /** Connections that are open now, and the most that may be; for people and alarms. */
  readonly usage?: { open: number; max: number };
  /** Files on their way out over it now, one a connection. */
  readonly uploads?: readonly Upload[];
}

/** A file that is being sent. */
export interface Upload {
  name: string;
  bytes: number;
  /** Of these, taken by the other side. */
  sentBytes: number;
  /** Which attempt this is, from 1. */
  attempt: number;
}
