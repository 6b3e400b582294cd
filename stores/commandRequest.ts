import type { Item } from '../contract/item.js';
import type { JsonObject } from '../contract/tags.js';
import { sm3Hex } from '../crypto/digest.js';
import type { RequestContent } from './requestOnce.js';

/**
 * What tells a command (tables 1 and 5), and a retry of it, from another one: its content without Auth. A RequestID that
 * goes to several car makers (table 1: Code) is a command for each of them, even where one platform takes them all.
 */
export function commandRequest({ value, tags }: Pick<Item, 'value' | 'tags'>): RequestContent {
  const { Auth: _, ...content } = value as JsonObject;
  const command = { ...tags, digest: sm3Hex(canonical(content)) };
  if (tags.platformId !== undefined && typeof content.Code === 'string') {
    command.platformId = `${tags.platformId} for ${content.Code}`;
  }
  return { kind: 'command', tags: command };
}

/** The same text for the same content, in whatever order its fields stand. */
function canonical(content: JsonObject): string {
  return JSON.stringify(content, (_key, value: unknown) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
    return Object.fromEntries(Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1)));
  });
}
