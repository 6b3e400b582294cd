/** The oldest of what waits. */
export interface Batch {
  /** Brings it to ClickHouse; done again it changes nothing. */
  insert(): Promise<void>;
  /** Inside a transaction: it has left. */
  remove(): void;
  /** Once it has left: whether others may gather before the next one. */
  isEnough(): boolean;
}

/** What waits in the ledger for ClickHouse. */
export interface Queue {
  /** As far as this process knows; another one may have put something there. */
  readonly isEmpty: boolean;
  /** Inside a transaction: bounded by number and bytes, at least one where there is one. */
  next(recordsMax: number, bytesMax: number): Batch | undefined;
}
