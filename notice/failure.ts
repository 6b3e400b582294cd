import { CODES } from '../contract/codes.js';
import type { IovError } from '../contract/error.js';
import type { JsonObject } from '../contract/tags.js';

/** Table 4: what a bare FailureCause means. */
export const FAILURES = {
  '400': { description: 'bad request', remark: '指令格式错误，或参数错误' },
  '401': { description: 'unauthorized', remark: '认证不通过' },
  '405': { description: 'method not allowed', remark: '指令方式不正确（非POST请求）' },
  '501': { description: 'no record', remark: '库中无记录' },
  '604': { description: 'bad internal error', remark: '指令接收方内部错误' },
} as const;
export type FailureCode = keyof typeof FAILURES;

/** Tables 3 and 9, fields in their order. */
export interface Answer {
  RequestID: string;
  /** `1` done, `2` not done. */
  OprRst: '1' | '2';
  /** A code of table 4, or plain text in Chinese where none fits; only with `2`. */
  FailureCause?: string;
}

/** What a peer's answer says of our message, whatever its shape. */
export interface Outcome {
  /** As the peer repeated it; undefined where its answers have none. */
  requestId: string | undefined;
  done: boolean;
  /** An error inside the peer, by its own word not the message's fault: it may be sent again. */
  again: boolean;
  /** Why not, in the peer's words; may be empty. */
  cause: string;
}

/** Reads the body of table 3 or 9; undefined where it is none. */
export function readAnswer({ RequestID, OprRst, FailureCause }: JsonObject): Outcome | undefined {
  if (typeof RequestID !== 'string' || (OprRst !== '1' && OprRst !== '2')) return undefined;
  const cause = FailureCause ?? '';
  if (typeof cause !== 'string') return undefined;
  const told = cause === '' ? 'FailureCause is missing' : `FailureCause ${cause}`;
  return { requestId: RequestID, done: OprRst === '1', again: /^604(?!\d)/.test(cause), cause: told };
}

const REASON_CHARACTERS_MAX = 1000;

/**
 * The answer to a message (notice 5.1.2.2, 6.1.1.2, 6.1.2.2).
 * @param requestId as it came; empty where the message had none
 * @param options.explain appends the reason to a bare code: `400: …`
 */
export function answer(requestId: string, error?: IovError, options: { explain?: boolean } = {}): Answer {
  if (!error) return { RequestID: requestId, OprRst: '1' };
  const cause = error.failureCause ?? '604';
  const explained = options.explain && isFailureCode(cause) ? `${cause}: ${reasonOf(cause, error)}` : cause;
  return { RequestID: requestId, OprRst: '2', FailureCause: explained };
}

/** Whether a FailureCause is a bare code of table 4. */
export function isFailureCode(cause: string): cause is FailureCode {
  return Object.hasOwn(FAILURES, cause);
}

/** What may be told outside: never the inside of an internal error, and values of records masked as in every fault. */
function reasonOf(cause: FailureCode, error: IovError): string {
  if (cause === '604') return CODES[error.code].cause;
  const faults = error.faults.map((fault) => {
    const got = fault.value === undefined ? '' : `, got ${fault.value}`;
    return `${fault.field}${fault.label && ` ${fault.label}`}: expected ${fault.rule}${got}`;
  });
  const reason = [error.message, ...faults].join('; ');
  return reason.length <= REASON_CHARACTERS_MAX ? reason : `${reason.slice(0, REASON_CHARACTERS_MAX - 1)}…`;
}
