import { IovError } from '../contract/error.js';
import type { WindowKey } from '../contract/file.js';
import { windowName } from '../notice/batch.js';

/** Why a window cannot be planned, in whatever archive. */
export function endsLater(key: WindowKey): IovError {
  return new IovError('WINDOW_CONFLICT', `window ${windowName(key)}: its end is in the future`);
}

/** @param later the cut-off of a `P` window of the same kind and code */
export function coveredBy(later: string, key: WindowKey): IovError {
  const why = `a later one, ${later}, has been planned, so that its records are in there`;
  return new IovError('WINDOW_COVERED', `window ${windowName(key)}: ${why}`);
}
