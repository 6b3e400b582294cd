export type JsonObject = { [field: string]: unknown };

/** What is known about an item besides its value. */
export interface Tags {
  /** Table 1, 5, 7, 10: RequestID. */
  requestId?: string;
  /**
   * The platform that sent this item, once authenticated. With a space in it, it is no platform, and tells an item from others
   * together with its requestId: `topic NAME` where that is `PARTITION/OFFSET`, `topic NAME PARTITION/OFFSET` where the message
   * bears a RequestID that no platform stands for, `file DIGEST` where it is a line; `… for …` where an item was made of
   * another one for a request. Absent where an item is not known again.
   */
  platformId?: string;
  /** Car maker (table 7, 10: Code) or operator. */
  code?: string;
  operType?: string;
  iccid?: string;
  /** Which card of its message this is, from 1 on, where a peer's dialect lists several cards in one message. */
  part?: number;
  /** SM3 of the decrypted content, to tell a retry from a RequestID used twice. */
  digest?: Digest;
  /**
   * Where the record stands in its Kafka topic ({@link positionOf}), for an archive that knows its records by that. Of a topic's
   * message alone: what is made of several, or is sent again later, has none.
   */
  position?: number;
  /** When the broker took it: ms since 1970. A position without it is that of a replay: the record may be there already. */
  acceptedAt?: number;
}

const OFFSETS = 2 ** 40;
/** Partitions from here on have no positions: the last one is for what comes from elsewhere. */
const PARTITIONS = 8191;
/** The first of the positions that no topic has. */
export const ELSEWHERE = PARTITIONS * OFFSETS;

/** One number for a place in a topic; undefined beyond what fits. */
export function positionOf(partition: number, offset: number): number | undefined {
  return partition < PARTITIONS && offset < OFFSETS ? partition * OFFSETS + offset : undefined;
}

/** What a message or a record says of itself. */
export function tagsIn({ RequestID, Code, OperType, ICCID }: JsonObject): Tags {
  const tags: Tags = {};
  if (typeof RequestID === 'string') tags.requestId = RequestID;
  if (typeof Code === 'string') tags.code = Code;
  if (typeof OperType === 'string') tags.operType = OperType;
  if (typeof ICCID === 'string') tags.iccid = ICCID;
  return tags;
}

/** Who and what an item is, without its place: that of one message is not that of what is made of it later. */
export function withoutPlace(tags: Tags): Tags {
  if (tags.position === undefined && tags.acceptedAt === undefined) return tags;
  const { position: _position, acceptedAt: _acceptedAt, ...rest } = tags;
  return rest;
}

/** What a message or line without the RequestID of a platform is known again by. No platform's id has a space in it. */
export function ownIdentity(of: string, place: string): Pick<Tags, 'platformId' | 'requestId'> {
  return { platformId: of, requestId: place };
}

/** What an item is known again by that was made of another one, for a request; undefined where one of them is not known again. */
export function madeFor(of: Tags, request: Tags): string | undefined {
  if (of.platformId === undefined || of.requestId === undefined) return undefined;
  if (request.platformId === undefined || request.requestId === undefined) return undefined;
  return `${of.platformId} ${of.requestId} for ${request.platformId}${cardOf(request)}`;
}

/** What tells the cards of one message from one another; the first is known as one that is alone in its message. */
export function cardOf({ part = 1 }: Tags): string {
  return part === 1 ? '' : ` card ${part}`;
}

/** Whether somebody asked for this under a RequestID of theirs; a place in a topic or a file is no request. */
export function isRequest({ requestId, platformId }: Tags): boolean {
  return requestId !== undefined && platformId?.includes(' ') !== true;
}

/** Hex digits, or what gives them when they are first asked for: a chain that compares nothing pays for none. */
export type Digest = string | { toJSON(): string };
export const digestText = (digest: Digest): string => (typeof digest === 'string' ? digest : digest.toJSON());
