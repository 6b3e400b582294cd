const NEWLINE = 0x0a;
const BOM = Buffer.from('\ufeff');

/** A record's bytes, or why there are none. */
export type FoundRecord = { bytes: Uint8Array } | { problem: string };

/** The records of a text, one a line or in one array (notice 6.2.1.2 b), in bounded memory. */
export async function* recordsOf(text: AsyncIterable<Uint8Array>, recordBytesMax: number): AsyncGenerator<FoundRecord> {
  let rest: Buffer = Buffer.alloc(0);
  let skipping = false;
  let first = true;
  for await (const chunk of text) {
    rest = rest.length > 0 ? Buffer.concat([rest, chunk]) : Buffer.from(chunk);
    if (first && rest.length >= BOM.length) {
      first = false;
      if (rest.subarray(0, BOM.length).equals(BOM)) yield { problem: 'expected UTF-8 without a byte order mark' };
    }
    let from = 0;
    for (let to = rest.indexOf(NEWLINE); to >= 0; to = rest.indexOf(NEWLINE, from)) {
      if (!skipping && to > from) yield { bytes: rest.subarray(from, to) };
      skipping = false;
      from = to + 1;
    }
    rest = rest.subarray(from);
    if (rest.length > recordBytesMax) {
      if (!skipping) yield { problem: `expected a record of at most ${recordBytesMax} bytes` };
      skipping = true;
      rest = Buffer.alloc(0);
    }
  }
  if (!skipping && rest.length > 0) yield { bytes: rest };
}
