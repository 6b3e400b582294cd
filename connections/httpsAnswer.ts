import { IovError } from '../contract/error.js';
import type { JsonObject } from '../contract/tags.js';
import { parseStrictJson } from '../notice/strictJson.js';
import type { Reply } from './httpsClient.js';

/**
 * What an answer means (tables 3, 4, 9): nothing where the message has arrived, else the error. Tried again are
 * - HTTP 5xx and 408, 429 without an answer of the notice: the peer, or something in front of it, is not up to it now
 * - FailureCause 604: an error inside the peer, by its own word not the message's fault
 * Everything else that the peer says is about the message, and would be said again.
 */
export function judgeReply({ status, body }: Reply, requestId: string, url: string): IovError | undefined {
  const answered = answerOf(body);
  if (!answered) {
    if (status >= 500 || status === 408 || status === 429)
      return new IovError('PEER_UNREACHABLE', `${url}: HTTP ${status}`);
    return new IovError(
      'PEER_PROTOCOL',
      `${url}: HTTP ${status}, expected an answer with RequestID and OprRst, got ${body.length} bytes that are not`,
    );
  }
  const { RequestID: echoed, OprRst: result, FailureCause: cause = '' } = answered;
  // An answer that could not read the request has an empty RequestID; only then may it differ.
  if (echoed !== requestId && !(result === '2' && echoed === '')) {
    return new IovError('PEER_PROTOCOL', `${url}: the answer is for another RequestID`);
  }
  if (result === '1') return undefined;
  const told = cause.slice(0, CAUSE_CHARACTERS_MAX);
  if (/^604(?!\d)/.test(cause)) return new IovError('PEER_UNREACHABLE', `${url}: FailureCause ${told}`);
  return new IovError('REFUSED_BY_PEER', `FailureCause ${told === '' ? 'is missing' : told}`);
}

const CAUSE_CHARACTERS_MAX = 1000;

interface PeerAnswer {
  RequestID: string;
  OprRst: '1' | '2';
  FailureCause?: string;
}

/** The body of table 3 or 9, or undefined where it is none. */
function answerOf(body: Uint8Array): PeerAnswer | undefined {
  let answered: JsonObject;
  try {
    answered = parseStrictJson(body);
  } catch {
    return undefined;
  }
  const { RequestID, OprRst, FailureCause } = answered;
  if (typeof RequestID !== 'string' || (OprRst !== '1' && OprRst !== '2')) return undefined;
  if (FailureCause === undefined || FailureCause === null) return { RequestID, OprRst };
  return typeof FailureCause === 'string' ? { RequestID, OprRst, FailureCause } : undefined;
}
