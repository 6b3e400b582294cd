import { IovError } from '../contract/error.js';
import type { Dialect } from '../notice/dialect.js';
import { type Outcome, readAnswer } from '../notice/failure.js';
import { parseStrictJson } from '../notice/strictJson.js';
import type { Reply } from './httpsClient.js';

/**
 * What an answer means (tables 3, 4, 9, or the peer's dialect): nothing where the message has arrived, else the error.
 * Tried again are
 * - HTTP 5xx and 408, 429 without an answer of the notice: the peer, or something in front of it, is not up to it now
 * - FailureCause 604: an error inside the peer, by its own word not the message's fault
 * Everything else that the peer says is about the message, and would be said again.
 */
export function judgeReply(
  { status, body }: Reply,
  requestId: string,
  url: string,
  dialect?: Dialect,
): IovError | undefined {
  const outcome = outcomeOf(body, dialect);
  if (!outcome) {
    if (status >= 500 || status === 408 || status === 429)
      return new IovError('PEER_UNREACHABLE', `${url}: HTTP ${status}`);
    const expected = dialect ? 'an answer in the dialect of this peer' : 'an answer with RequestID and OprRst';
    return new IovError(
      'PEER_PROTOCOL',
      `${url}: HTTP ${status}, expected ${expected}, got ${body.length} bytes that are not`,
    );
  }
  const { requestId: echoed = requestId, done, again } = outcome;
  // An answer that could not read the request has an empty RequestID; only then may it differ.
  if (echoed !== requestId && (done || echoed !== '')) {
    return new IovError('PEER_PROTOCOL', `${url}: the answer is for another RequestID`);
  }
  if (done) return undefined;
  const cause = outcome.cause.slice(0, CAUSE_CHARACTERS_MAX);
  return again ? new IovError('PEER_UNREACHABLE', `${url}: ${cause}`) : new IovError('REFUSED_BY_PEER', cause);
}

const CAUSE_CHARACTERS_MAX = 1000;

function outcomeOf(body: Uint8Array, dialect: Dialect | undefined): Outcome | undefined {
  try {
    const answer = parseStrictJson(body);
    return dialect ? dialect.readAnswer(answer) : readAnswer(answer);
  } catch {
    return undefined;
  }
}
