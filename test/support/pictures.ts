import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Kernel, WorkerStep } from '../../contract/component.js';
import type { Context } from '../../contract/context.js';
import type { Album, Item } from '../../contract/item.js';
import { Receipt } from '../../contract/receipt.js';
import type { Store } from '../../contract/store.js';
import type { JsonObject, Tags } from '../../contract/tags.js';
import { spec } from '../../operators/collect.js';
import { bareContext, keptLog } from './bareContext.js';
import { maker } from './messages.js';
import { optionsOf } from './options.js';

export const CARD = '89860012345678901234';
export const OTHER_CARD = '89860012345678905678';
export const COMMAND = { requestId: 'CMD-7', code: '0002', iccid: CARD };

/** What each kind of picture begins with. */
export const HEADS = {
  jpg: Buffer.from('ffd8ffe000104a46494600010101', 'hex'),
  png: Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex'),
  gif: Buffer.from('GIF89a'),
  webp: Buffer.from('RIFF\x24\x00\x00\x00WEBPVP8 '),
  tif: Buffer.from('II*\0\x08\0\0\0'),
  heic: Buffer.from('\0\0\0\x18ftypheic\0\0\0\0mif1heic'),
  bmp: Buffer.from('424d460000000000000036000000280000000200000002000000', 'hex'),
} as const;

/** A picture as far as its first bytes tell, with noise behind them. */
export const picture = (kind: keyof typeof HEADS = 'jpg', bytes = 1_000): Buffer =>
  Buffer.concat([HEADS[kind], randomBytes(Math.max(0, bytes - HEADS[kind].length))]);

/** Files by their path below a folder. */
export function put(folder: string, files: { [path: string]: Uint8Array }): void {
  for (const [path, bytes] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), bytes);
  }
}

/** `collect` in a folder, as the engine would create it, and what it makes of a command. */
export async function collecting(folder: string, store: Partial<Store>, options: object) {
  const log = keptLog();
  const context: Context = { ...bareContext({ directory: folder, store, log }), peers: { oem: maker } };
  const kernel = (await spec.create(optionsOf(spec, { file: 'KH', ...options }), context)) as Kernel;
  const collect = async (tags: Tags = COMMAND, value: JsonObject = {}): Promise<Album> => {
    const item: Item = { value, tags, origin: 'test', effects: [], receipt: new Receipt(() => undefined) };
    const [only] = await kernel.transform(item);
    return only?.value as Album;
  };
  return { collect, kernel, log };
}

/** The pictures of an album, read to their ends, by their names in the zip. */
export async function contentsOf(album: Album): Promise<Map<string, Buffer>> {
  const contents = new Map<string, Buffer>();
  for await (const { name, content } of album.pictures) {
    const chunks: Uint8Array[] = [];
    for await (const chunk of content) chunks.push(chunk);
    contents.set(name, Buffer.concat(chunks));
  }
  return contents;
}

export async function namesOf(album: Album): Promise<string[]> {
  return [...(await contentsOf(album)).keys()];
}

export const STEPS: WorkerStep[] = [
  { worker: 'zip', level: 0 },
  { worker: 'encrypt', cipher: maker.cipher! },
];

/** A packed album opened by the tools that everybody has. */
export function opened(path: string, key: string): { listed: string[]; test: string; content(name: string): Buffer } {
  const bytes = readFileSync(path);
  const zip = `${path}.opened.zip`;
  const iv = bytes.subarray(0, 16).toString('hex');
  const plain = execFileSync('openssl', ['enc', '-d', '-sm4-cbc', '-K', key, '-iv', iv], {
    input: bytes.subarray(16),
    maxBuffer: 300_000_000,
  });
  writeFileSync(zip, plain);
  const run = (...args: string[]) => execFileSync('unzip', args, { maxBuffer: 300_000_000 });
  return {
    listed: run('-Z1', zip).toString().trim().split('\n'),
    test: run('-t', zip).toString(),
    content: (name) => run('-p', zip, name),
  };
}
