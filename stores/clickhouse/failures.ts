import { IovError } from '../../contract/error.js';

/** What the server's error codes mean for the person who runs the archive (ClickHouse's ErrorCodes.cpp). */
const MEANINGS: Readonly<Record<number, string>> = {
  60: 'its tables are missing; `iovpipe migrate` makes them',
  81: 'its database is missing; `iovpipe migrate` makes it',
  159: 'it took longer than the server allows',
  164: 'this user may only read (readonly)',
  192: 'the server does not know this user',
  193: 'the password is wrong',
  241: 'the server has no memory left for it',
  242: 'the table takes no rows now (read-only)',
  243: 'the disk of the server is full',
  252: 'too many parts wait to be merged',
  291: 'this user may not use the database',
  497: 'this user lacks a permission',
  516: 'user or password is wrong',
};

const MESSAGE_MAX = 300;

/** Whatever a request to ClickHouse ended with as STORE_FAILED that says what to mend, without values of ours in it. */
export function clickHouseFailed(thrown: unknown, doing: string): IovError {
  if (thrown instanceof IovError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  const code = codeOf(thrown);
  const meaning = message.includes('No space left') ? 'the disk of the server is full' : MEANINGS[code ?? 0];
  // texts in a query stand in quotes, and the server repeats them when it complains
  const masked = message
    .replace(/'[^']*'/g, "'…'")
    .replace(/\s+/g, ' ')
    .slice(0, MESSAGE_MAX);
  const what = code === undefined ? `the server does not answer (${masked})` : `error ${code}: ${masked}`;
  return new IovError('STORE_FAILED', `${doing} in ClickHouse: ${meaning ? `${meaning} (error ${code})` : what}`, {
    cause: thrown,
  });
}

/** 18.16 says no type after its message, so that the client does not see the code in it. */
export function codeOf(thrown: unknown): number | undefined {
  if (!(thrown instanceof Error)) return undefined;
  if ('code' in thrown && /^\d+$/.test(String(thrown.code))) return Number(thrown.code);
  const found = /Code: (\d+)/.exec(thrown.message)?.[1];
  return found === undefined ? undefined : Number(found);
}
