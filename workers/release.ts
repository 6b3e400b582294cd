import { MessageChannel } from 'node:worker_threads';

/** Below this a buffer may be part of the pool that Node cuts small ones from; and such do not weigh. */
const LEAST_BYTES = 32 * 1024;

/** Closed: what is handed over to it goes nowhere, and is freed. */
const { port1: nowhere } = new MessageChannel();
nowhere.close();

/**
 * Gives the memory of these bytes back now. The garbage collector of a thread that makes few objects looks after them only when
 * there are 64 MB of them, and by then they lie where the thread's allocator does not give anything back. The whole buffer
 * behind the bytes goes, and they have no length afterwards: to be called by its only owner.
 */
export function release(bytes: Uint8Array): void {
  const { buffer } = bytes;
  if (buffer instanceof ArrayBuffer && buffer.byteLength >= LEAST_BYTES) nowhere.postMessage(undefined, [buffer]);
}
