import type { ErrorCode } from '../contract/codes.js';
import { IovError } from '../contract/error.js';

/** How a failure is taken, and why: `retryable` ones are tried again with back-off, the others alarm at once. */
interface Verdict {
  code: ErrorCode;
  meaning: string;
  /** Why it may, or may not, succeed later. */
  reason: string;
}

/** Answers of an SFTP server by status code (draft-ietf-secsh-filexfer-02 section 7; those above 8 come from later drafts). */
const statuses: Readonly<Record<number, Verdict>> = {
  2: {
    code: 'SFTP_REFUSED',
    meaning: 'no such file or directory',
    reason: 'Nobody makes a missing directory while we wait.',
  },
  3: { code: 'SFTP_REFUSED', meaning: 'permission denied', reason: 'Rights change by a human hand only.' },
  4: {
    code: 'SFTP_FAILED',
    meaning: 'failure',
    reason: 'Says nothing: disk full, quota, too many handles. Most of it passes.',
  },
  5: { code: 'SFTP_FAILED', meaning: 'bad message', reason: 'A packet was garbled; a new connection starts afresh.' },
  6: { code: 'SFTP_FAILED', meaning: 'no connection', reason: 'A server with storage behind it has lost it for now.' },
  7: {
    code: 'SFTP_FAILED',
    meaning: 'connection lost',
    reason: 'A server with storage behind it has lost it for now.',
  },
  8: { code: 'SFTP_REFUSED', meaning: 'operation unsupported', reason: 'The server will not learn it while we wait.' },
  10: { code: 'SFTP_REFUSED', meaning: 'no such path', reason: 'As 2.' },
  11: { code: 'SFTP_REFUSED', meaning: 'file already exists', reason: 'The file there does not go away by itself.' },
  12: { code: 'SFTP_REFUSED', meaning: 'write protected', reason: 'As 3.' },
  14: { code: 'SFTP_FAILED', meaning: 'no space', reason: 'Receivers empty their inboxes.' },
  15: { code: 'SFTP_FAILED', meaning: 'quota exceeded', reason: 'Receivers empty their inboxes.' },
};

/** Failures of connecting, by the error's code, its ssh2 `level`, or its text; the first that fits counts. */
const connecting: readonly (Verdict & { errno?: string; level?: string; text?: RegExp })[] = [
  {
    level: 'client-authentication',
    code: 'SFTP_REFUSED',
    meaning: 'login refused',
    reason: 'A wrong key stays wrong, and repeated attempts get an address banned.',
  },
  {
    text: /no matching/i,
    code: 'SFTP_REFUSED',
    meaning: 'no algorithm in common',
    reason: 'The offers of both sides are fixed.',
  },
  {
    text: /unable to start subsystem/i,
    code: 'SFTP_REFUSED',
    meaning: 'the server offers no SFTP',
    reason: 'A matter of its configuration.',
  },
  {
    text: /privateKey/,
    code: 'SFTP_REFUSED',
    meaning: 'the private key cannot be read',
    reason: 'A matter of our configuration.',
  },
  {
    text: /channel open failure/i,
    code: 'SFTP_UNREACHABLE',
    meaning: 'no channel free',
    reason: 'The server is at its limit of sessions; others end.',
  },
  { errno: 'ECONNREFUSED', code: 'SFTP_UNREACHABLE', meaning: 'nobody listens', reason: 'Servers restart.' },
  {
    errno: 'ECONNRESET',
    code: 'SFTP_UNREACHABLE',
    meaning: 'connection reset',
    reason: 'Networks break, and full servers hang up.',
  },
  {
    errno: 'EPIPE',
    code: 'SFTP_UNREACHABLE',
    meaning: 'connection closed',
    reason: 'As ECONNRESET, seen while writing.',
  },
  { errno: 'ETIMEDOUT', code: 'SFTP_UNREACHABLE', meaning: 'no answer', reason: 'Packets were lost on the way.' },
  { errno: 'EHOSTUNREACH', code: 'SFTP_UNREACHABLE', meaning: 'no route', reason: 'Lines come back.' },
  { errno: 'ENETUNREACH', code: 'SFTP_UNREACHABLE', meaning: 'no route', reason: 'Lines come back.' },
  {
    errno: 'ENOTFOUND',
    code: 'SFTP_UNREACHABLE',
    meaning: 'host name not found',
    reason: 'A name server may be out; the alarm tells where it is a typing error.',
  },
  { errno: 'EAI_AGAIN', code: 'SFTP_UNREACHABLE', meaning: 'name server silent', reason: 'Name servers come back.' },
  {
    level: 'client-timeout',
    code: 'SFTP_TIMEOUT',
    meaning: 'no answer in time',
    reason: 'The peer is slow or stalled; a new connection may not be.',
  },
];

/** An answer of the server that is not OK. The connection stays good; whoever asked may want to know the status. */
export class SftpStatusError extends IovError {
  readonly status: number;

  constructor(status: number, text: string, doing: string, cause: unknown) {
    const verdict = statuses[status];
    const said = text && text.toLowerCase() !== verdict?.meaning ? ` (“${text.slice(0, 200)}”)` : '';
    const meaning = verdict?.meaning ?? 'unknown status';
    super(verdict?.code ?? 'SFTP_FAILED', `${doing}: ${meaning}, status ${status}${said}`, { cause });
    this.status = status;
  }
}

/** What broke a connection, or kept it from being made, as an IovError; unknown breaks are worth another attempt. */
export function connectionFailure(error: Error & { code?: unknown; level?: unknown }, doing: string): IovError {
  const verdict = connecting.find(
    (entry) =>
      (entry.errno !== undefined && entry.errno === error.code) ||
      (entry.level !== undefined && entry.level === error.level) ||
      entry.text?.test(error.message),
  );
  const meaning = verdict ? `${verdict.meaning} (${error.message})` : error.message;
  return new IovError(verdict?.code ?? 'SFTP_UNREACHABLE', `${doing}: ${meaning}`, { cause: error });
}

/** The reply, or undefined where the server answered with this status: an answer, and breaks nothing. */
export async function unless<Result>(status: number, reply: Promise<Result>): Promise<Result | undefined> {
  try {
    return await reply;
  } catch (error) {
    if (error instanceof SftpStatusError && error.status === status) return undefined;
    throw error;
  }
}
