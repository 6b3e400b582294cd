/** Bytes in pieces of these sizes, over and over, in a buffer that is used again after each, as a reader of files may do. */
export function* cut(bytes: Uint8Array, sizes: readonly number[]): Generator<Uint8Array> {
  const sum = sizes.reduce((total, size) => total + size, 0);
  const steps = sum === 0 ? [1] : sizes;
  for (let at = 0, index = 0; at < bytes.length; index += 1) {
    const size = steps[index % steps.length]!;
    const piece = Uint8Array.from(bytes.subarray(at, at + size));
    yield piece;
    piece.fill(0xee); // whoever kept it instead of copying it now holds something else
    at += size;
  }
}
