import type { Item } from '../contract/item.js';
import { digestText, type Tags } from '../contract/tags.js';
import type { Message } from './rdkafka.js';

/** The headers that a message bears for its tags, named as in the notice where the notice has a name. */
const TEXTS = [
  ['RequestID', 'requestId'],
  ['Code', 'code'],
  ['OperType', 'operType'],
  ['ICCID', 'iccid'],
] as const;
/** What a message claims about who sent it first; to be believed where only our own daemons write. */
const PLATFORM = 'PlatformID';
const PART = 'Part';
const DIGEST = 'Digest';

/** W3C trace context. */
const TRACEPARENT = 'traceparent';

const HEADER_BYTES_MAX = 256;
/** An item that was made of others is known by all of them. */
const PLATFORM_BYTES_MAX = 1_024;

export function headersOf(tags: Tags): Record<string, string>[] {
  const headers: Record<string, string>[] = [];
  for (const [name, tag] of TEXTS) {
    const text = tags[tag];
    if (text !== undefined) headers.push({ [name]: text });
  }
  if (tags.platformId !== undefined) headers.push({ [PLATFORM]: tags.platformId });
  if (tags.part !== undefined) headers.push({ [PART]: String(tags.part) });
  if (tags.digest !== undefined) headers.push({ [DIGEST]: digestText(tags.digest) });
  return headers;
}

/** @param authenticated believe what the headers say of the platform, too */
export function taggedBy(headers: Message['headers'] = [], authenticated: boolean): Tags {
  const found = new Map<string, string>();
  for (const header of headers) {
    for (const [name, value] of Object.entries(header)) {
      if (value.length <= (name === PLATFORM ? PLATFORM_BYTES_MAX : HEADER_BYTES_MAX))
        found.set(name, Buffer.from(value).toString());
    }
  }
  const tags: Tags = {};
  for (const [name, tag] of TEXTS) {
    const text = found.get(name);
    if (text !== undefined) tags[tag] = text;
  }
  if (!authenticated) return tags;
  const [platformId, part, digest] = [PLATFORM, PART, DIGEST].map((name) => found.get(name));
  if (platformId !== undefined) tags.platformId = platformId;
  if (part !== undefined && /^\d{1,6}$/.test(part)) tags.part = Number(part);
  if (digest !== undefined) tags.digest = digest;
  return tags;
}

/** The trace that the message belongs to, as its header says. */
export function tracedBy(headers: Message['headers']): Pick<Item, 'traceparent'> {
  const value = headers?.find((header) => header[TRACEPARENT] !== undefined)?.[TRACEPARENT];
  return value && value.length <= HEADER_BYTES_MAX ? { traceparent: Buffer.from(value).toString() } : {};
}
