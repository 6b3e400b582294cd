import { IovError } from '../contract/error.js';
import type { Effect, StoredRequest, Transaction } from '../contract/store.js';
import { cardOf, digestText, type Tags } from '../contract/tags.js';

/** What tells a request, and a retry of it, from another one. */
export interface RequestContent {
  kind: 'KH' | 'CL' | 'command';
  tags: Tags;
  /** SM3 of the text as it came, where `tags.digest` is absent because the content is never opened. */
  textDigest?: string | undefined;
}

/**
 * One effect that does all of these the first time a request comes, and nothing when it comes again: it resolves as it did
 * the first time, so that its sender hears the first answer (interpretation.md, "`RequestID` seen before"). Items that no
 * platform sent, as records of a file or of the operator's own card data, are not compared with anything.
 * @param changed called where a retry's text differs and cannot be compared
 * @throws IovError REQUEST_REUSED, in the transaction, for another content under the same RequestID
 */
export function requestOnce(
  request: RequestContent,
  effects: readonly Effect[],
  changed: () => void = () => {},
): Effect {
  return (transaction) => {
    const seen = seenRequest(transaction, request);
    if (seen) {
      if (seen.textDigest !== request.textDigest) changed();
      return;
    }
    remember(transaction, request);
    for (const effect of effects) effect(transaction);
  };
}

/**
 * The request as it was accepted, if this is a retry of it.
 * @throws IovError REQUEST_REUSED for another content under the same RequestID
 */
export function seenRequest(
  transaction: Pick<Transaction, 'request'>,
  { kind, tags }: RequestContent,
): StoredRequest | undefined {
  const { requestId, digest } = tags;
  const platformId = askerOf(tags);
  if (platformId === undefined || requestId === undefined) return undefined;
  const seen = transaction.request(platformId, requestId);
  if (!seen || (seen.kind === kind && seen.digest === (digest && digestText(digest)))) return seen;
  const first = new Date(seen.acceptedAt).toISOString();
  throw new IovError(
    'REQUEST_REUSED',
    `request ${requestId} was accepted at ${first} with another content (${seen.kind})`,
  );
}

function remember(transaction: Transaction, { kind, tags, textDigest }: RequestContent): void {
  const { requestId, code = '', iccid, digest } = tags;
  const platformId = askerOf(tags);
  if (platformId === undefined || requestId === undefined) return;
  transaction.rememberRequest({
    platformId,
    requestId,
    kind,
    code,
    ...(iccid !== undefined && { iccid }),
    ...(digest !== undefined && { digest: digestText(digest) }),
    ...(textDigest !== undefined && { textDigest }),
  });
}

/**
 * Who asks, in the ledger. The cards of a message that lists several (a peer's dialect) are requests of their own under one
 * RequestID, so that a retry stores those alone that are not there yet.
 */
function askerOf(tags: Tags): string | undefined {
  return tags.platformId === undefined ? undefined : tags.platformId + cardOf(tags);
}

/** The platform itself, of who asks: without the card, and without whom a command is for (commandRequest.ts). */
export function senderOf({ kind, platformId }: Pick<StoredRequest, 'kind' | 'platformId'>): string {
  const asker = platformId.replace(/ card \d+$/, '');
  return kind === 'command' ? asker.replace(/ for .*$/s, '') : asker;
}
