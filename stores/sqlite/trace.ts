import type { TraceStep, WindowRow } from '../../contract/store.js';
import { windowName } from '../../notice/batch.js';
import { localTime } from '../../notice/cutoff.js';
import { baseNameOf } from '../../notice/fileName.js';
import type { Cards } from './cards.js';
import type { Database, Statement } from './database.js';
import type { DeadLetters } from './deadLetters.js';
import type { DueFiles, TimedDueFile } from './dueFiles.js';
import type { Files, TimedFile } from './files.js';
import { type StoredWindow, type Windows, windowRow } from './windows.js';

/** A card or a request that came again and again is shown by its first steps. */
const ROWS_MAX = 100;

const order: readonly TraceStep['step'][] = [
  'accepted',
  'waiting',
  'archived',
  'window',
  'due',
  'asked',
  'file',
  'packed',
  'expired',
  'delivered',
  'failed',
  'dead',
];

type RequestRow = {
  request_id: string;
  platform_id: string;
  kind: string;
  code: string;
  iccid: string | null;
  accepted_at: number;
};
/** A record; `seq` is its position. */
export type TracedRecord = {
  seq: number;
  kind: string;
  code: string;
  size: number;
  iccid: string | null;
  accepted_at: number;
  /** It is what another record is, and came later: no window has it. */
  again?: boolean;
};

interface Parts {
  cards: Cards;
  windows: Windows;
  files: Files;
  dueFiles: DueFiles;
  deadLetters: DeadLetters;
}

/** The life of a RequestID, a card or a file as far as archive and ledger know it. Texts name no card and no person. */
export class Trace {
  readonly #parts: Parts;
  readonly #requests: Statement<RequestRow>;
  readonly #records: Statement<TracedRecord>;
  readonly #window: Statement<StoredWindow>;

  constructor(database: Database, parts: Parts) {
    this.#parts = parts;
    const by = (columns: string, table: string, key: string) =>
      `SELECT ${columns} FROM ${table} WHERE request_id = @key UNION SELECT ${columns} FROM ${table} WHERE iccid = @key ORDER BY ${key} LIMIT ${ROWS_MAX}`;
    this.#requests = database.prepare(
      by('request_id, platform_id, kind, code, iccid, accepted_at', 'requests', 'accepted_at'),
    );
    this.#records = database.prepare(by('seq, kind, code, size, iccid, accepted_at', 'records', 'seq'));
    this.#window = database.prepare('SELECT * FROM windows WHERE id = ?');
  }

  /**
   * Steps in order of time; empty where nobody knows the key.
   * @param elsewhere records that are kept elsewhere, where windows are cut by time of acceptance; what is here is on its way
   */
  of(key: string, elsewhere?: readonly TracedRecord[]): TraceStep[] {
    const requests = this.#requests.all({ key });
    const here = this.#records.all({ key });
    const records = [...here, ...(elsewhere ?? [])];
    const cards = new Set([...requests, ...records].map((row) => row.iccid));
    if (this.#parts.cards.get(key)) cards.add(key);
    const steps = [
      ...requests.map(accepted),
      ...[...cards].flatMap((iccid) => (iccid === null ? [] : this.#waiting(iccid))),
      ...(elsewhere ? here.map(spooled) : here.flatMap((record) => this.#recordSteps(record, record.seq))),
      ...(elsewhere ?? []).flatMap((record) => this.#recordSteps(record, record.accepted_at)),
      ...this.#dueSteps(key),
      ...this.#fileStepsOf(key),
      ...this.#parts.deadLetters.about(key).map((letter) => ({
        at: letter.at,
        step: 'dead' as const,
        text: `dead letter ${letter.id} of ${letter.pipeline} (${letter.state}): ${letter.code} ${letter.reason}`,
      })),
    ];
    return steps.sort((one, other) => one.at - other.at || order.indexOf(one.step) - order.indexOf(other.step));
  }

  #waiting(iccid: string): TraceStep[] {
    const state = this.#parts.cards.get(iccid);
    if (!state || (state.registration && state.card)) return [];
    const side = state.registration ?? state.card;
    const text = state.registration ? "waits for the operator's card data" : 'card data waits for a registration';
    return [{ at: side?.updatedAt ?? 0, step: 'waiting', text }];
  }

  /** @param place what windows are cut by */
  #recordSteps({ seq, kind, code, size, accepted_at, again }: TracedRecord, place: number): TraceStep[] {
    const windows = again ? [] : this.#parts.windows.holding(kind, code, place);
    const why = again ? '; it had come before, and counts once' : '';
    return [
      { at: accepted_at, step: 'archived', text: `${kind} ${code}, position ${seq}, ${size} bytes${why}` },
      ...windows.flatMap((window) => {
        const file = this.#parts.files.holding(window.id, seq);
        return [windowStep(window), ...(file ? fileSteps(file) : [])];
      }),
    ];
  }

  /** What is due for a command, a registration or a card, and how far its file has come. */
  #dueSteps(key: string): TraceStep[] {
    return this.#parts.dueFiles.about(baseNameOf(key)).flatMap((due) => {
      const file = due.name === baseNameOf(key) ? undefined : this.#parts.files.get(due.name);
      const packed = file ? fileSteps(file).filter(({ step }) => step !== 'delivered') : [];
      return [...dueSteps(due), ...packed];
    });
  }

  /** For a file's name, as it stands in the ledger or at the receiver (`.bin`, `.zip.tmp`). */
  #fileStepsOf(name: string): TraceStep[] {
    const file = this.#parts.files.get(baseNameOf(name));
    const window = file?.windowId === undefined ? undefined : this.#window.get(file.windowId);
    return file ? [...(window ? [windowStep(windowRow(window))] : []), ...fileSteps(file)] : [];
  }
}

function accepted({ request_id, platform_id, kind, code, accepted_at }: RequestRow): TraceStep {
  return { at: accepted_at, step: 'accepted', text: `request ${request_id} from ${platform_id} (${kind} ${code})` };
}

function spooled({ kind, code, size, accepted_at }: TracedRecord): TraceStep {
  return {
    at: accepted_at,
    step: 'archived',
    text: `${kind} ${code}, ${size} bytes, in the ledger until the archive takes it`,
  };
}

function windowStep(window: WindowRow): TraceStep {
  const { pipeline, plannedAt, state } = window;
  return { at: plannedAt, step: 'window', text: `${windowName(window)} of ${pipeline}, ${state}` };
}

function fileSteps(file: TimedFile): TraceStep[] {
  const { name, plan, packedName = name, bytes, sm3, remotePath } = file;
  const steps: TraceStep[] = [
    {
      at: file.plannedAt,
      step: 'file',
      text: `${name}: ${plan.records} ${plan.window ? 'records' : 'pictures'}, ${plan.textBytes} bytes`,
    },
  ];
  if (file.packedAt !== undefined) {
    steps.push({ at: file.packedAt, step: 'packed', text: `${packedName}: ${bytes} bytes, SM3 ${sm3}` });
  }
  if (file.deliveredAt !== undefined) steps.push({ at: file.deliveredAt, step: 'delivered', text: `${remotePath}` });
  return steps;
}

function dueSteps(due: TimedDueFile): TraceStep[] {
  const { name, code, state, dueAt, askedAt, deliveredAt, expiredAt, failedAt, reason } = due;
  const by = localTime(dueAt);
  const why = reason === undefined ? '' : `: ${reason}`;
  const steps: TraceStep[] = [
    { at: due.acceptedAt, step: 'due', text: `${name} is due by ${by}${code && `, from ${code}`} (${state})${why}` },
  ];
  if (askedAt !== undefined) steps.push({ at: askedAt, step: 'asked', text: `${code} has been asked for ${name}` });
  if (expiredAt !== undefined)
    steps.push({ at: expiredAt, step: 'expired', text: `${name} was not there in time${why}` });
  if (failedAt !== undefined) steps.push({ at: failedAt, step: 'failed', text: `${name}${why}` });
  if (deliveredAt !== undefined) {
    const late = deliveredAt > dueAt ? ', late' : '';
    steps.push({ at: deliveredAt, step: 'delivered', text: `${name}${late}` });
  }
  return steps;
}
