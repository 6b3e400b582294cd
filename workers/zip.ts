import { crc32 } from 'node:zlib';
import { dosTimeOf } from '../notice/cutoff.js';
import { Deflater } from './deflater.js';
import { release } from './release.js';

const LOCAL_HEADER = 0x04034b50;
const DATA_DESCRIPTOR = 0x08074b50;
const CENTRAL_HEADER = 0x02014b50;
const END_OF_CENTRAL = 0x06054b50;
const VERSION = 20;
/** Bit 3: sizes follow the data. Bit 11: names are UTF-8. */
const FLAGS = 0x0808;
const DEFLATED = 8;
const SIZE_MAX = 0xffffffff;

export interface ZipEntry {
  name: string;
  /** Wall-clock time in Asia/Shanghai, to two seconds, as zip stores it. */
  mtimeMs: number;
}

interface Written extends ZipEntry {
  crc: number;
  compressedBytes: number;
  bytes: number;
  offset: number;
}

interface Open {
  entry?: ZipEntry;
  crc: number;
  bytes: number;
  compressedBytes: number;
  offset: number;
  deflater: Deflater;
}

/**
 * Writes a zip as a stream (notice 7.2), entry by entry. Ours and not a library's, because an export learns a file's name
 * only when its last record is in (`…end.txt`, notice 6.2.1.2 a), when the entry has long been deflated: what is deflated is
 * held back until the name comes. The bytes are a function of names, times, level and content.
 */
export class ZipWriter {
  readonly #entries: Written[] = [];
  readonly #level: number;
  readonly #out: (bytes: Uint8Array) => void;
  #offset = 0;
  #held: Uint8Array[] = [];
  #open: Open | undefined;

  /** @param out takes the zip's bytes over, in order */
  constructor(level: number, out: (bytes: Uint8Array) => void) {
    this.#level = level;
    this.#out = out;
  }

  /** Begins an entry; without a name its content is held until `end` tells it. */
  begin(entry?: ZipEntry): void {
    const deflater = new Deflater(this.#level, (deflated) => {
      open.compressedBytes += deflated.byteLength;
      if (open.entry) return this.#put(deflated);
      this.#held.push(Buffer.from(deflated)); // the buffer that it came in is larger
      release(deflated);
    });
    const open: Open = { crc: 0, bytes: 0, compressedBytes: 0, offset: this.#offset, deflater };
    this.#open = open;
    if (entry) this.#name(entry);
  }

  write(content: Uint8Array): void {
    const open = this.#entry();
    open.crc = crc32(content, open.crc);
    open.bytes += content.byteLength;
    open.deflater.write(content);
  }

  end(entry?: ZipEntry): void {
    const open = this.#entry();
    open.deflater.end();
    if (entry && !open.entry) this.#name(entry);
    if (!open.entry) throw new Error('a zip entry needs a name');
    if (open.bytes > SIZE_MAX || open.compressedBytes > SIZE_MAX) throw new Error('a zip entry is limited to 4 GiB');
    const descriptor = Buffer.alloc(16);
    descriptor.writeUInt32LE(DATA_DESCRIPTOR, 0);
    descriptor.writeUInt32LE(open.crc, 4);
    descriptor.writeUInt32LE(open.compressedBytes, 8);
    descriptor.writeUInt32LE(open.bytes, 12);
    this.#put(descriptor);
    const { crc, bytes, compressedBytes, offset } = open;
    this.#entries.push({ ...open.entry, crc, bytes, compressedBytes, offset });
    this.#open = undefined;
  }

  /** Writes the central directory. */
  finish(): void {
    const start = this.#offset;
    for (const entry of this.#entries) this.#put(centralHeader(entry));
    const end = Buffer.alloc(22);
    end.writeUInt32LE(END_OF_CENTRAL, 0);
    end.writeUInt16LE(this.#entries.length, 8);
    end.writeUInt16LE(this.#entries.length, 10);
    end.writeUInt32LE(this.#offset - start, 12);
    end.writeUInt32LE(start, 16);
    this.#put(end);
  }

  #entry() {
    if (!this.#open) throw new Error('no zip entry is open');
    return this.#open;
  }

  /** Writes the local header, and after it whatever waited for the name. */
  #name(entry: ZipEntry): void {
    this.#entry().entry = entry;
    this.#put(localHeader(entry));
    for (const compressed of this.#held) this.#put(compressed);
    this.#held = [];
  }

  #put(bytes: Uint8Array): void {
    this.#offset += bytes.byteLength;
    this.#out(bytes);
  }
}

function localHeader(entry: ZipEntry): Buffer {
  const name = Buffer.from(entry.name);
  const header = Buffer.alloc(30 + name.length);
  header.writeUInt32LE(LOCAL_HEADER, 0);
  header.writeUInt16LE(VERSION, 4);
  header.writeUInt16LE(FLAGS, 6);
  header.writeUInt16LE(DEFLATED, 8);
  header.writeUInt32LE(dosTime(entry.mtimeMs), 10);
  header.writeUInt16LE(name.length, 26);
  name.copy(header, 30);
  return header;
}

function centralHeader(entry: Written): Buffer {
  const name = Buffer.from(entry.name);
  const header = Buffer.alloc(46 + name.length);
  header.writeUInt32LE(CENTRAL_HEADER, 0);
  header.writeUInt16LE(VERSION, 4);
  header.writeUInt16LE(VERSION, 6);
  header.writeUInt16LE(FLAGS, 8);
  header.writeUInt16LE(DEFLATED, 10);
  header.writeUInt32LE(dosTime(entry.mtimeMs), 12);
  header.writeUInt32LE(entry.crc, 16);
  header.writeUInt32LE(entry.compressedBytes, 20);
  header.writeUInt32LE(entry.bytes, 24);
  header.writeUInt16LE(name.length, 28);
  header.writeUInt32LE(entry.offset, 42);
  name.copy(header, 46);
  return header;
}

/** DOS time, then date: one 32-bit word in the file. */
function dosTime(timeMs: number): number {
  const { date, time } = dosTimeOf(timeMs);
  return ((date << 16) | time) >>> 0;
}
