import { IovError } from '../../contract/error.js';
import { type FoundPicture, HEAD_BYTES } from '../../notice/picture.js';
import { parseStrictJson } from '../../notice/strictJson.js';
import { HttpsClient, type OpenReply } from '../httpsClient.js';

export interface ServiceOptions {
  /** The address as it is configured, with its placeholders: what messages say. */
  pattern: string;
  ca?: string | undefined;
  timeoutMs: number;
  connections: number;
  pictureBytesMax: number;
  picturesMax: number;
}

const LIST_BYTES_MAX = 1_048_576;
const LIST_BEGINS = /^[\s\ufeff]*\[/;
const GONE = [404, 410];
const BUSY = [408, 425, 429];

/**
 * Pictures of an HTTPS service: an address gives one picture, or a JSON list of addresses of pictures. Of each the first
 * bytes are looked at; the rest is fetched when it is packed.
 */
export class PictureService {
  readonly #options: ServiceOptions;
  readonly #client: HttpsClient;

  constructor(options: ServiceOptions) {
    const { pattern, pictureBytesMax, ...client } = options;
    this.#options = options;
    // more, so that a picture above its bound is told as such, and not as an answer
    const answerBytesMax = pictureBytesMax + LIST_BYTES_MAX;
    this.#client = new HttpsClient({ ...client, url: pattern, keepAlive: true, answerBytesMax });
  }

  /** @throws IovError PEER_UNREACHABLE, PEER_PROTOCOL; the address, which holds an ICCID, is not in the message */
  async find(address: string): Promise<FoundPicture[]> {
    const reply = await this.#get(address);
    if (!reply) return [];
    const { head, rest } = await beginning(reply.body);
    if (!LIST_BEGINS.test(head.toString())) {
      reply.giveUp();
      return [await this.#found(address, head, reply.bytes)];
    }
    const found: FoundPicture[] = [];
    for (const listed of this.#addresses(address, await this.#text(head, rest))) found.push(await this.#look(listed));
    return found;
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  async #look(address: string): Promise<FoundPicture> {
    const reply = await this.#get(address, HEAD_BYTES);
    if (!reply) throw new IovError('FILE_UNREADABLE', `${this.#options.pattern}: lists a picture that is not there`);
    const { head } = await beginning(reply.body);
    reply.giveUp();
    return this.#found(address, head, reply.bytes);
  }

  async #found(address: string, head: Uint8Array, bytes: number | undefined): Promise<FoundPicture> {
    const read = () => this.#read(address);
    const known = bytes ?? (await countBytes(read(), this.#options.pictureBytesMax));
    return { fileName: fileNameOf(address), bytes: known, head: head.subarray(0, HEAD_BYTES), read };
  }

  async *#read(address: string): AsyncGenerator<Uint8Array> {
    const reply = await this.#get(address);
    if (!reply) return; // it has vanished: who reads holds the bytes to what was found
    try {
      yield* reply.body;
    } finally {
      reply.giveUp();
    }
  }

  async #get(address: string, firstBytes?: number): Promise<OpenReply | undefined> {
    const reply = await this.#client.get(address, firstBytes);
    const { status } = reply;
    // an empty picture has no first bytes to ask for
    if (status === 200 || status === 206 || (status === 416 && reply.bytes === 0)) return reply;
    reply.giveUp();
    if (GONE.includes(status) || status === 204) return undefined;
    const code = status >= 500 || BUSY.includes(status) ? 'PEER_UNREACHABLE' : 'PEER_PROTOCOL';
    throw new IovError(code, `${this.#options.pattern}: expected HTTP 200, got ${status}`);
  }

  async #text(head: Buffer, rest: AsyncIterator<Uint8Array>): Promise<string> {
    const pieces: Uint8Array[] = [head];
    let bytes = head.byteLength;
    for (let step = await rest.next(); !step.done; step = await rest.next()) {
      bytes += step.value.byteLength;
      if (bytes > LIST_BYTES_MAX) {
        await rest.return?.();
        throw this.#wrong(`a list of at most ${LIST_BYTES_MAX} bytes`);
      }
      pieces.push(Buffer.from(step.value));
    }
    return Buffer.concat(pieces).toString();
  }

  /** Addresses of the same service alone: a list must not make us ask elsewhere. */
  #addresses(base: string, text: string): string[] {
    const { origin } = new URL(base);
    // inside an object, a list is held to the rules that every JSON of a peer is
    const { listed } = parseStrictJson(`{"listed":${text}}`);
    const { picturesMax } = this.#options;
    if (!Array.isArray(listed) || listed.length > picturesMax) throw this.#wrong(`at most ${picturesMax} addresses`);
    return listed.map((address: unknown) => {
      const url = typeof address === 'string' && URL.canParse(address, base) ? new URL(address, base) : undefined;
      if (url?.origin !== origin || url.username || url.password) throw this.#wrong(`addresses below ${origin}`);
      return url.href;
    });
  }

  #wrong(expected: string): IovError {
    return new IovError('PEER_PROTOCOL', `${this.#options.pattern}: expected ${expected}, got something else`);
  }
}

/** The first bytes of a body, at least as many as tell what it is, and what follows. */
async function beginning(body: AsyncIterable<Uint8Array>) {
  const rest = body[Symbol.asyncIterator]();
  let head: Buffer = Buffer.alloc(0);
  while (head.byteLength < HEAD_BYTES) {
    const step = await rest.next();
    if (step.done) break;
    head = Buffer.concat([head, step.value]);
  }
  return { head, rest };
}

/** How much comes, counted until it is too much. */
async function countBytes(content: AsyncIterable<Uint8Array>, bytesMax: number): Promise<number> {
  let bytes = 0;
  for await (const piece of content) {
    bytes += piece.byteLength;
    if (bytes > bytesMax) break;
  }
  return bytes;
}

/** The last step of an address; what it looked like cannot hurt, since it only tells people and ends in an extension. */
function fileNameOf(address: string): string {
  return new URL(address).pathname.split('/').at(-1)?.slice(0, 100) ?? '';
}
