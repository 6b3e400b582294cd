import type { MessagePort } from 'node:worker_threads';
import type { FilePlan } from '../contract/file.js';
import type { Album, TextFile } from '../contract/item.js';
import type { PackEnd, PackMessage, PackName, PackPart } from './pack.js';
import { CHUNK_BYTES } from './textContent.js';
import type { ZipEntry } from './zip.js';

/** Lists on their way to a worker at once: one in the deflater, one waiting behind it. */
const LISTS_AHEAD = 2;
/** A list is sent once it holds so much: small pictures go together, a text file's chunk goes alone. */
const LIST_BYTES = 256 * 1024;

/** And so long each list of a text: some 10 MB/s are left to a file, however many callers come. */
const LIST_WAIT_MS = 50;

type NameOf = (plan: FilePlan) => PackName;
export type GiveWay = (waitMsMax: number) => Promise<void>;

const textEntry = ({ baseName, mtimeMs }: FilePlan): ZipEntry => ({ name: `${baseName}.txt`, mtimeMs });

/**
 * Sends a text file's content to a worker, and its name at the end.
 * @param early its plan where it is known already
 */
export async function feedText(
  port: MessagePort,
  file: TextFile,
  early: FilePlan | undefined,
  { nameOf, giveWay }: { nameOf: NameOf; giveWay: GiveWay },
): Promise<void> {
  const feed = new Feed(port, (chunk) => chunk.byteLength === CHUNK_BYTES && file.reuse(chunk));
  feed.begin(early && textEntry(early));
  for await (const chunk of file.content) {
    await giveWay(LIST_WAIT_MS);
    if (!(await feed.add(chunk))) return;
  }
  const plan = await file.plan;
  feed.end({ ...nameOf(plan), entry: textEntry(plan) });
}

/** Sends the pictures of an album to a worker, one after another. */
export async function feedAlbum(port: MessagePort, album: Album, nameOf: NameOf): Promise<void> {
  const { plan, pictures } = album;
  const feed = new Feed(port);
  for await (const { name, content } of pictures) {
    feed.begin({ name, mtimeMs: plan.mtimeMs });
    for await (const chunk of content) {
      if (!(await feed.add(chunk))) return;
    }
  }
  feed.end(nameOf(plan));
}

/** One end of the port: a bounded number of chunks is ahead of the deflater. */
class Feed {
  readonly #port: MessagePort;
  #parts: PackPart[] = [];
  #bytes = 0;
  #ahead = 0;
  #isClosed = false;
  #wake: (() => void) | undefined;

  /** @param back gets the chunks that the worker is done with */
  constructor(port: MessagePort, back?: (chunk: Uint8Array<ArrayBuffer>) => void) {
    this.#port = port;
    port.on('message', (chunks: Uint8Array<ArrayBuffer>[]) => {
      if (back) for (const chunk of chunks) back(chunk);
      this.#ahead -= 1;
      this.#wake?.();
    });
    port.once('close', () => {
      this.#isClosed = true;
      this.#wake?.();
    });
  }

  begin(entry: ZipEntry | undefined): void {
    this.#parts.push({ entry });
  }

  /** Waits where the deflater is behind. False where the worker gave up; its own promise says why. */
  async add(chunk: Uint8Array<ArrayBuffer>): Promise<boolean> {
    this.#parts.push({ chunk });
    this.#bytes += chunk.byteLength;
    if (this.#bytes < LIST_BYTES) return !this.#isClosed;
    while (this.#ahead >= LISTS_AHEAD && !this.#isClosed) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (!this.#isClosed) this.#send();
    return !this.#isClosed;
  }

  end(end: PackEnd): void {
    this.#parts.push({ end });
    this.#send();
  }

  #send(): void {
    const chunks = this.#parts.flatMap((part) => ('chunk' in part ? [part.chunk.buffer] : []));
    this.#port.postMessage(this.#parts satisfies PackMessage, chunks);
    this.#ahead += 1;
    this.#parts = [];
    this.#bytes = 0;
  }
}
