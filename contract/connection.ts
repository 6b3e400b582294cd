/** A shared means under `connections:`, opened once a process and closed last. */
export interface Connection {
  open?(): Promise<void>;
  close?(): Promise<void>;
}
