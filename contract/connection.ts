/** A shared means under `connections:`, opened once a process and closed last. */
export interface Connection {
  open?(): Promise<void>;
  close?(): Promise<void>;
  /** Callers that are connected now, and wait for an answer; other work gives way to them. */
  readonly callers?: number;
}
