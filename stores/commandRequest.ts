import type { Item } from '../contract/item.js';
import type { JsonObject } from '../contract/tags.js';
import { sm3Hex } from '../crypto/digest.js';
import { canonicalText } from '../notice/canonical.js';
import type { RequestContent } from './requestOnce.js';

/**
 * What tells a command (tables 1 and 5), and a retry of it, from another one: its content without Auth. A RequestID that
 * goes to several car makers (table 1: Code) is a command for each of them, even where one platform takes them all.
 */
export function commandRequest({ value, tags }: Pick<Item, 'value' | 'tags'>): RequestContent {
  const { Auth: _, ...content } = value as JsonObject;
  const command = { ...tags, digest: sm3Hex(canonicalText(content)) };
  if (tags.platformId !== undefined && typeof content.Code === 'string') {
    command.platformId = `${tags.platformId} for ${content.Code}`;
  }
  return { kind: 'command', tags: command };
}
