import type { KafkaConnection } from '../connections/kafkaConnection.js';
import { IovError } from '../contract/error.js';
import type { CipherOptions } from '../contract/peer.js';
import { type CheckedConfig, type CheckedPipeline, givenBy } from '../engine/config.js';
import type { Archived } from '../engine/replay.js';
import type { TopicRange } from '../engine/replayTopic.js';
import { type Given, textOption } from './command.js';
import { boundOf, filesOf, partitionsOf } from './replayOptions.js';

/**
 * The pipeline of that name, where it can be replayed.
 * @throws IovError USAGE
 */
export function pipelineOf(config: CheckedConfig, name: string): CheckedPipeline {
  const pipeline = config.pipelines.find((candidate) => candidate.name === name);
  if (!pipeline) {
    const known = config.pipelines.map((candidate) => candidate.name).join(', ');
    throw new IovError('USAGE', `no pipeline is called ${name}; ${config.file} has: ${known}`);
  }
  // its files are all or nothing, and numbered by the window that they belong to
  if (pipeline.operators.some(({ spec }) => spec.gives === 'text'))
    throw new IovError('USAGE', `${name} cuts numbered files; replay into its archive, or run it with --again`);
  shapeOf(pipeline);
  return pipeline;
}

/** What the pipeline's own source would give. */
function shapeOf({ name, source }: CheckedPipeline): 'record' | 'message' | 'bytes' {
  const gives = givenBy({ source });
  const { spec } = source;
  if (spec.lasts !== 'window' && (gives === 'record' || gives === 'message' || gives === 'bytes')) return gives;
  throw new IovError('USAGE', `${name} reads ${spec.name}: expected a pipeline that takes messages or records`);
}

/**
 * What is to be replayed, as the pipeline's own source would give it; from an engine's connections where it is a topic.
 * @throws IovError USAGE; FILE_UNREADABLE
 */
export async function archivedOf(
  config: CheckedConfig,
  pipeline: CheckedPipeline,
  given: Given,
): Promise<(connection: (name: string) => KafkaConnection) => Archived> {
  const as = shapeOf(pipeline);
  const topic = textOption(given, 'topic');
  if (topic === undefined) {
    const { ArchivedFiles } = await import('../engine/replayFiles.js');
    const files = await ArchivedFiles.of(filesOf(given), as, cipherOf(config, given));
    return () => files;
  }
  const { ArchivedTopic } = await import('../engine/replayTopic.js');
  const { spec, options } = pipeline.source;
  const own = spec.name === 'kafka' ? options : {};
  const partitions = partitionsOf(given);
  const bus = busOf(config, pipeline, given);
  // those that a daemon gives the same messages
  const positions = own.on === bus && Array.isArray(own.topics) && own.topics.length === 1 && own.topics[0] === topic;
  // a ledger knows by itself what it has taken, from whichever of both; records that are known by their place stand elsewhere
  const isBeside = positions && config.clickhouse !== undefined && pipeline.sink.spec.name === 'archive';
  const range = {
    topic,
    from: boundOf(given, 'from', 'earliest'),
    to: boundOf(given, 'to', 'latest'),
    ...(partitions && { partitions }),
    ...(isBeside && { beside: besideOf(own) }),
  };
  const reading = {
    as,
    authenticated: own.authenticated === true,
    messageBytesMax: typeof own.messageBytesMax === 'number' ? own.messageBytesMax : 1_048_576,
    positions,
  };
  return (connection) => new ArchivedTopic(connection(bus), range, reading);
}

function besideOf({ group, from }: CheckedPipeline['source']['options']): NonNullable<TopicRange['beside']> {
  return { group: String(group), from: from === 'latest' ? 'latest' : 'earliest' };
}

function busOf(config: CheckedConfig, { source }: CheckedPipeline, given: Given): string {
  const buses = Object.entries(config.connections).flatMap(([name, { spec }]) => (spec.name === 'kafka' ? [name] : []));
  const wanted = textOption(given, 'on') ?? (source.spec.name === 'kafka' ? String(source.options.on) : undefined);
  const bus = wanted ?? (buses.length === 1 ? buses[0] : undefined);
  if (bus !== undefined && buses.includes(bus)) return bus;
  throw new IovError(
    'USAGE',
    `--on: expected a kafka connection (${buses.join(', ') || 'there is none'}), got ${wanted ?? 'nothing'}`,
  );
}

function cipherOf(config: CheckedConfig, given: Given): CipherOptions | undefined {
  const name = textOption(given, 'peer');
  const isSealed = filesOf(given).some((path) => path.endsWith('.bin'));
  if (name === undefined && isSealed) throw new IovError('USAGE', 'a .bin needs --peer P, whose cipher opens it');
  if (name === undefined) return undefined;
  const cipher = Object.hasOwn(config.peers, name) ? config.peers[name]?.cipher : undefined;
  if (cipher) return cipher;
  throw new IovError('USAGE', `--peer: expected a peer with a cipher, got ${name}`);
}
