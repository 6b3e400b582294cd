import { IovError } from './error.js';

/** A run has done its part of a window and nothing has failed, but others have not done theirs yet. */
export class Unfinished extends IovError {
  /** Resolves when it is worth running again: all of the window is delivered, or more of it has become ours. */
  readonly rest: (stop: AbortSignal) => Promise<void>;

  constructor(message: string, rest: (stop: AbortSignal) => Promise<void>) {
    super('WINDOW_UNFINISHED', message);
    this.rest = rest;
  }
}
