import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Sink, Source } from '../../contract/component.js';
import { IovError } from '../../contract/error.js';
import type { PackedFile } from '../../contract/file.js';
import type { Item, Lines } from '../../contract/item.js';
import type { Peers } from '../../contract/peer.js';
import { Receipt } from '../../contract/receipt.js';
import type { Store } from '../../contract/store.js';
import { type JsonObject, tagsIn } from '../../contract/tags.js';
import { createCipher } from '../../crypto/cipher.js';
import { digestOf } from '../../files/plainFile.js';
import { baseNameOf } from '../../notice/fileName.js';
import { compileMessageCheck } from '../../notice/message.js';
import { signNature } from '../../notice/signature.js';
import { parseStrictJson } from '../../notice/strictJson.js';
import type { CheckedConfig, CheckedPipeline } from '../config.js';
import { packedContent, plainContent } from './content.js';
import type { Given } from './schema.js';

// A test runs the chain as it is, but for what lies outside of this machine: what others would send is given from memory, and
// what would leave for others is kept.

/** What left the chain. */
export interface Delivered {
  sent: JsonObject[];
  files: { [name: string]: unknown };
}

/** These ends stay within the test's own archive, and are as they are. */
const INNER_SINKS: ReadonlySet<string> = new Set(['archive', 'requests', 'received', 'discard']);
/** Fields that hold an encrypted record (tables 7 and 10). */
const SEALED = ['EncryptUserInfo', 'EncryptCarInfo'];

export interface Ends {
  /** A folder of the test's own, for files that are given and delivered. */
  folder: string;
  given: readonly Given[] | undefined;
  delivered: Delivered;
  /** @param given which of the given it was, from 1 */
  failed(error: IovError, given: number): void;
}

/** The pipeline with ends in memory; its operators, and an archive at either end, stay as they are. */
export function withMemoryEnds(pipeline: CheckedPipeline, config: CheckedConfig, ends: Ends): CheckedPipeline {
  const { source, sink } = pipeline;
  const { given } = ends;
  const { behind: _behind, ...options } = source.options; // nobody else feeds the test's archive
  return {
    ...pipeline,
    source: { ...source, options },
    operators: pipeline.operators.filter(({ spec }) => spec.name !== 'lanes'), // as on the one machine that holds them all
    ...(given && {
      source: {
        ...source,
        spec: { ...source.spec, lasts: 'finite', create: () => memorySource(pipeline, given, config, ends) },
      },
    }),
    ...(!INNER_SINKS.has(sink.spec.name) && {
      sink: {
        ...sink,
        spec: { ...sink.spec, create: (_, { store }) => memorySink(pipeline, config.peers, ends, store) },
      },
    }),
  };
}

function memorySource(
  { source }: CheckedPipeline,
  given: readonly Given[],
  { peers, site }: CheckedConfig,
  { folder, failed }: Ends,
): Source {
  // a channel refuses what does not keep to the table of its messages before it is an item
  const { request } = source.options;
  const check = source.spec.name === 'https' && compileMessageCheck(request as 1 | 5 | 7 | 10, site.tables);
  return {
    async *read(signal) {
      for (const [index, one] of given.entries()) {
        if (signal.aborted) return;
        const receipt = new Receipt((error) => error && failed(error, index + 1));
        try {
          const value = one.file === undefined ? asSent(one, peers) : await fileOf(one.file, one, peers, folder);
          if (check) check(value as JsonObject);
          const raw = Buffer.from(JSON.stringify(value));
          const tags = one.file === undefined ? tagsIn(value as JsonObject) : {};
          yield { value, tags, origin: `step ${basename(folder)}, given ${index + 1}`, receipt, effects: [], raw };
        } catch (thrown) {
          receipt.failed(IovError.from(thrown));
        }
      }
    },
  };
}

/** Signed and encrypted as that peer would, where it is not already. */
function asSent({ message, record, from }: Given, peers: Peers): JsonObject {
  const sent: JsonObject = { ...(message ?? record) };
  const peer = from === undefined ? undefined : peers[from];
  if (!peer) return sent;
  for (const field of SEALED) {
    const plain = sent[field];
    if (peer.cipher && typeof plain === 'object' && plain !== null)
      sent[field] = createCipher(peer.cipher).encryptText(JSON.stringify(plain));
  }
  if (message) sent.Auth ??= { PlatformID: peer.platformId, SignNature: signNature(peer.platformId, peer.password) };
  return sent;
}

async function fileOf(name: string, { content, from }: Given, peers: Peers, folder: string): Promise<PackedFile> {
  const path = join(folder, 'given', name);
  await mkdir(join(folder, 'given'), { recursive: true });
  const cipher = from === undefined ? undefined : peers[from]?.cipher;
  await writeFile(path, await packedContent(content, cipher, 0x17_00_00_00_000));
  return { name, path, ...(await digestOf(path)) };
}

function memorySink(pipeline: CheckedPipeline, peers: Peers, { folder, delivered }: Ends, store: Store): Sink {
  return {
    concurrency: 1,
    async write(item: Item) {
      if (isFile(item.value)) await takeFile(item.value);
      else await takeRecords(item);
    },
  };

  async function takeRecords({ value, effects }: Item): Promise<void> {
    if (effects.length > 0) await store.commit(effects);
    const lines = value as Lines;
    for await (const bytes of lines.read(0, lines.count))
      delivered.sent.push(inPlain(parseStrictJson(bytes), pipeline, peers));
  }

  /** With the same steps in the ledger as the real sinks note. */
  async function takeFile({ name, path, plan }: PackedFile): Promise<void> {
    if (plan?.state === 'delivered') return;
    await store.fileUploading(baseNameOf(name));
    await mkdir(join(folder, 'delivered'), { recursive: true });
    const copy = join(folder, 'delivered', name);
    await copyFile(path, copy);
    const encrypts = pipeline.operators.find(({ spec }) => spec.name === 'encrypt');
    const cipher = peers[String(encrypts?.options.peer)]?.cipher;
    delivered.files[name] = await plainContent(copy, await readFile(copy), cipher);
    await store.fileDelivered(baseNameOf(name), name);
    if (plan) await rm(path, { force: true });
  }
}

function isFile(value: unknown): value is PackedFile {
  return typeof value === 'object' && value !== null && 'path' in value;
}

/** What `encryptField` has encrypted, as the peer will read it. */
function inPlain(message: JsonObject, { operators }: CheckedPipeline, peers: Peers): JsonObject {
  const plain = { ...message };
  for (const { spec, options } of operators) {
    if (spec.name !== 'encryptField') continue;
    const field = String(options.field);
    const cipher = peers[String(options.peer)]?.cipher;
    if (cipher && typeof plain[field] === 'string')
      plain[field] = parseStrictJson(createCipher(cipher).decryptText(plain[field]));
  }
  return plain;
}
