import { CODES, type ErrorCode } from './codes.js';

/** One thing that is wrong with a record, a message or a configuration, told so that a person can mend it. */
export interface Fault {
  /** Where: a field's wire name (`CustomerCertType`), or a path into a file. */
  field: string;
  /** The field's Chinese label in the notice (`用户证件类型`); empty where there is none. */
  label: string;
  /** What was expected (`M: must be present`, `one of 1, 2`). */
  rule: string;
  /** What came, already masked; never personal data in clear. */
  value?: string;
}

export interface ErrorDetails {
  component?: string;
  /** Whether the same attempt may succeed later; the code's own default otherwise. */
  retryable?: boolean;
  cause?: unknown;
  faults?: readonly Fault[];
  /** What the peer is told: a bare code of table 4 (`400`) or plain text in Chinese. */
  failureCause?: string;
  /** Keep the item among the dead letters even where its sender has been told (notice article 11: kept for review). */
  keep?: boolean;
}

/** The one error of iovpipe. Its codes are listed in `codes.ts`, each with its cause and its remedy. */
export class IovError extends Error {
  readonly code: ErrorCode;
  readonly component: string | undefined;
  readonly retryable: boolean;
  readonly faults: readonly Fault[];
  readonly failureCause: string | undefined;
  readonly keep: boolean;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'IovError';
    this.code = code;
    this.component = details.component;
    this.retryable = details.retryable ?? CODES[code].retryable;
    this.faults = details.faults ?? [];
    this.failureCause = details.failureCause ?? CODES[code].failureCause;
    this.keep = details.keep ?? false;
  }

  /** Any thrown thing as an IovError; an unknown one becomes `INTERNAL` with the original as its cause. */
  static from(thrown: unknown, doing?: string): IovError {
    if (thrown instanceof IovError) return thrown;
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    return new IovError('INTERNAL', doing ? `${doing}: ${message}` : message, { cause: thrown });
  }
}

/** What a person needs to mend it: the message, and each fault with its Chinese label. */
export function reasonOf({ message, faults }: IovError): string {
  const told = faults.map(
    ({ field, label, rule, value }) => `${field}（${label}）: ${rule}${value === undefined ? '' : `, got ${value}`}`,
  );
  return [message, ...told].join('; ');
}
