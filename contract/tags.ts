export type JsonObject = { [field: string]: unknown };

/** What is known about an item besides its value. */
export interface Tags {
  /** Table 1, 5, 7, 10: RequestID. */
  requestId?: string;
  /** The platform that sent this item, once authenticated; absent where it comes from a file or from the state by card. */
  platformId?: string;
  /** Car maker (table 7, 10: Code) or operator. */
  code?: string;
  operType?: string;
  iccid?: string;
  /** Which card of its message this is, from 2 on, where a peer's dialect lists several cards in one message. */
  part?: number;
  /** SM3 of the decrypted content, to tell a retry from a RequestID used twice. */
  digest?: Digest;
}

/** Hex digits, or what gives them when they are first asked for: a chain that compares nothing pays for none. */
export type Digest = string | { toJSON(): string };
export const digestText = (digest: Digest): string => (typeof digest === 'string' ? digest : digest.toJSON());
