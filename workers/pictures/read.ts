import { IovError } from '../../contract/error.js';
import { type FoundPicture, HEAD_BYTES } from '../../notice/picture.js';

const CHUNK_BYTES = 512 * 1024;

/**
 * A picture's bytes in chunks that can be handed to another thread, held to what was found when the album was planned.
 * @throws IovError FILE_UNREADABLE (retryable) where it has vanished, grown, shrunk or become another picture since
 */
export async function* readPicture(found: FoundPicture): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  let chunk = new Uint8Array(0);
  let filled = 0;
  let before = 0;
  for await (const piece of found.read()) {
    for (let from = 0; from < piece.byteLength; ) {
      if (filled === chunk.byteLength) {
        if (filled > 0) yield checked(chunk, before, found);
        before += filled;
        filled = 0;
        chunk = new Uint8Array(Math.min(CHUNK_BYTES, found.bytes - before));
        if (chunk.byteLength === 0) throw changed(found);
      }
      const copied = Math.min(piece.byteLength - from, chunk.byteLength - filled);
      chunk.set(piece.subarray(from, from + copied), filled);
      filled += copied;
      from += copied;
    }
  }
  if (before + filled !== found.bytes) throw changed(found);
  yield checked(chunk, before, found);
}

/** The first chunk must begin as it did when its kind was told by it. */
function checked(chunk: Uint8Array<ArrayBuffer>, before: number, found: FoundPicture): Uint8Array<ArrayBuffer> {
  if (before > 0 || Buffer.compare(chunk.subarray(0, found.head.byteLength), found.head) === 0) return chunk;
  throw changed(found);
}

function changed({ fileName }: FoundPicture): IovError {
  return new IovError('FILE_UNREADABLE', `${fileName}: changed or vanished while its album was packed`);
}

/** The first bytes of something, by which its kind is told; what is behind them is not read. */
export async function headOf(content: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  let head: Uint8Array = Buffer.alloc(0);
  for await (const piece of content) {
    head = Buffer.concat([head, piece.subarray(0, HEAD_BYTES - head.byteLength)]);
    if (head.byteLength === HEAD_BYTES) break;
  }
  return head;
}
