import { IovError } from '../contract/error.js';
import type { Item } from '../contract/item.js';
import { oneLine } from '../contract/oneLine.js';
import { type JsonObject, ownIdentity, positionOf, type Tags, tagsIn } from '../contract/tags.js';
import { parseStrictJson } from '../notice/strictJson.js';
import { taggedBy } from './kafkaHeaders.js';
import type { Message } from './rdkafka.js';

export interface Reading {
  /** What a value is: a JSON object, or the bytes of an ordered record. */
  as: 'record' | 'message' | 'bytes';
  /** Believe what the headers say of the platform, too. */
  authenticated: boolean;
  messageBytesMax: number;
  /** Whether an archive may know records by their place: there is one topic, and so no place twice. */
  positions: boolean;
}

export const originOf = ({ topic, partition, offset }: Message) => `${topic}/${partition}/${offset}`;

/**
 * What an item is made of.
 * @throws IovError MESSAGE_NOT_JSON, MESSAGE_TOO_LARGE
 */
export function readMessage(message: Message, reading: Reading): Required<Pick<Item, 'value' | 'tags' | 'raw'>> {
  const { as, messageBytesMax } = reading;
  const raw = message.value;
  if (!raw) throw new IovError('MESSAGE_NOT_JSON', 'expected a value, got none');
  if (raw.length > messageBytesMax) {
    throw new IovError('MESSAGE_TOO_LARGE', `expected at most ${messageBytesMax} bytes, got ${raw.length}`);
  }
  if (as === 'bytes') return { value: oneLine(raw), tags: tagsOf(message, reading), raw };
  const value = parseStrictJson(raw);
  return { value, tags: tagsOf(message, reading, value), raw };
}

/**
 * Of the value, else of the headers. A RequestID counts where a platform stands for it; else the message is known by its place,
 * and a RequestID is what `trace` finds it by.
 */
export function tagsOf(message: Message, { authenticated, positions }: Reading, value: JsonObject = {}): Tags {
  const { topic, partition, offset, timestamp = -1 } = message;
  const tags = Object.assign(taggedBy(message.headers, authenticated), tagsIn(value));
  const [of, place] = [`topic ${topic}`, `${partition}/${offset}`];
  if (tags.requestId === undefined) Object.assign(tags, ownIdentity(of, place));
  else if (tags.platformId === undefined) Object.assign(tags, ownIdentity(`${of} ${place}`, tags.requestId));
  const position = positions && timestamp >= 0 ? positionOf(partition, offset) : undefined;
  return position === undefined ? tags : Object.assign(tags, { position, acceptedAt: timestamp });
}
