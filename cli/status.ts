import { IovError } from '../contract/error.js';
import type { StoreStatus } from '../contract/store.js';
import { windowName } from '../notice/batch.js';
import { localTime } from '../notice/cutoff.js';
import { type Command, complain, EXIT, print, printJson } from './command.js';
import { STORE_HELP, storeOptions, withStore } from './store.js';
import { table } from './table.js';

/** Windows beyond these are old news. */
const WINDOWS_SHOWN_MAX = 40;

export const command: Command = {
  usage: 'status [--file FILE | --archive PATH] [--json]',
  help: [
    'Shows the ledger at a glance: records, cards, windows and their files, files that are due, dead letters.',
    '',
    STORE_HELP,
  ].join('\n'),
  options: storeOptions,
  positionalsMax: 0,
  async run(given) {
    const status = await withStore(given, async (store) => {
      const records = await store
        .totals?.()
        .catch((thrown: unknown) => complain(`iovpipe: only the ledger: ${IovError.from(thrown).message}`));
      return { ...store.status(), ...(records && { records }) };
    });
    if (given.values.json) printJson(status);
    else print(statusPage(status));
    return EXIT.done;
  },
};

export function statusPage({ records, cards, windows, deadLetters, dueFiles }: StoreStatus): string {
  const sum = records.reduce((total, { count }) => total + count, 0);
  const recordRows = records.map(({ kind, code, count, bytes, lastAcceptedAt }) => [
    kind,
    code,
    count,
    bytes,
    localTime(lastAcceptedAt),
  ]);
  const windowRows = windows
    .slice(-WINDOWS_SHOWN_MAX)
    .map((window) => [
      windowName(window),
      window.state,
      window.recordsTotal,
      `${window.filesDelivered}/${window.files}`,
      window.pipeline,
    ]);
  const dueRows = dueFiles.map(({ content, code, open, asked, delivered, late, failed, expired, nextDueAt }) => [
    content,
    code === '' ? 'unknown' : code,
    open,
    asked,
    late === 0 ? delivered : `${delivered} (${late} late)`,
    failed,
    expired,
    nextDueAt === undefined ? '' : localTime(nextDueAt),
  ]);
  const dueSum = dueFiles.reduce((total, { open, asked }) => total + open + asked, 0);
  return [
    `records: ${sum}`,
    ...(recordRows.length > 0 ? [table(['kind', 'code', 'records', 'bytes', 'last accepted'], recordRows)] : []),
    '',
    `cards: ${cards.complete} complete, ${cards.waitingForCard} waiting for card data, ${cards.waitingForRegistration} waiting for a registration`,
    '',
    `windows: ${windows.length}${windows.length > WINDOWS_SHOWN_MAX ? `, the last ${WINDOWS_SHOWN_MAX} of them` : ''}`,
    ...(windowRows.length > 0 ? [table(['window', 'state', 'records', 'delivered', 'pipeline'], windowRows)] : []),
    '',
    `files due: ${dueSum}`,
    ...(dueRows.length > 0
      ? [table(['content', 'from', 'open', 'asked', 'delivered', 'failed', 'expired', 'next due'], dueRows)]
      : []),
    '',
    `dead letters: ${deadLetters}${deadLetters > 0 ? ' (`iovpipe dead` lists them)' : ''}`,
  ].join('\n');
}
