import type { DueCount, ReceivedDay, Stream } from '../contract/received.js';
import type { DeadLetter, DueFile } from '../contract/store.js';
import { windowName } from './batch.js';
import { cutoffMs, cutoffOf } from './cutoff.js';
import { type BatchName, parseFileName } from './fileName.js';
import { sequenceFaults } from './sequence.js';

/** A window that was to come, or came, on the day of the report. */
export interface WindowReport extends Stream {
  cutoff: string;
  type: 'P' | 'F';
  /** `open`: not complete, and its time is not over. */
  state: 'onTime' | 'late' | 'incomplete' | 'missing' | 'open';
  /** Five hours after the cut-off: 05:00 (notice 7.1.1). */
  dueAt: number;
  /** When the last of its files came, once it is complete. */
  completeAt?: number;
  files: number;
  records: number;
  /** What is wrong, in words. */
  faults: string[];
}

/** A file that was refused, and what was said of it. */
export interface WrongFile {
  file: string;
  /** Where it came from: `sftp operator/KH_….bin`. */
  origin: string;
  code: string;
  reason: string;
  /** The id of its dead letter. */
  letter: number;
}

/** What an operator, and each car maker through it, has delivered of a day. */
export interface DayReport {
  day: string;
  /** Nothing is missing, late or wrong, and there is something to say so of. */
  green: boolean;
  windows: WindowReport[];
  wrong: WrongFile[];
  commands: DueCount[];
  notInTime: DueFile[];
}

export interface DayQuestion {
  /** YYYYMMDD, Asia/Shanghai. */
  day: string;
  nowMs: number;
  /** Kinds and codes that were to come, besides those that have come before. */
  expected: readonly Pick<Stream, 'content' | 'code'>[];
}

type Batches = ReceivedDay['files'];
type WindowId = Stream & Pick<WindowReport, 'cutoff' | 'type'>;

const MINUTE_MS = 60_000;
const WITHIN_MS = 5 * 60 * MINUTE_MS;

/**
 * The report of a day (notice 7.1): of each window whether it came whole and in time, of each command whether it was
 * answered. A `P` window is expected of whoever has sent one before, an `F` window on the 16th.
 * @param letters dead letters that wait; those about received files of this day are taken
 */
export function dayReport(question: DayQuestion, received: ReceivedDay, letters: Iterable<DeadLetter>): DayReport {
  const wrong = wrongFiles(question.day, received.files, letters);
  const found = new Map<string, { window: WindowId; files: Batches }>();
  for (const window of expectedWindows(question, received)) found.set(keyOf(window), { window, files: [] });
  for (const file of received.files) {
    const window = windowOf(file);
    const known = found.get(keyOf(window));
    if (known) known.files.push(file);
    else found.set(keyOf(window), { window, files: [file] });
  }
  const windows = [...found.values()].map(({ window, files }) =>
    windowReport(window, files, { lacking: received.lacking, wrong, nowMs: question.nowMs }),
  );
  const commands = received.due;
  const isLate = commands.some(({ late, missing, failed }) => late + missing + failed > 0);
  const isRed = windows.some(({ state, faults }) => faults.length > 0 || (state !== 'onTime' && state !== 'open'));
  const green = !isLate && !isRed && wrong.length === 0 && windows.length + commands.length > 0;
  return { day: question.day, green, windows, wrong, commands, notInTime: received.notInTime };
}

const keyOf = (window: WindowId) => `${window.sender}/${nameOf(window)}`;

/** `KH_0002_2022111600_P`. */
export function nameOf({ content, code, cutoff, type }: Omit<WindowId, 'sender'>): string {
  return windowName({ kind: content, code, cutoff, type });
}

function windowOf({ sender, content, code, batch: { cutoff, type } }: Batches[number]): WindowId {
  return { sender, content: content === 'CL' ? 'CL' : 'KH', code, cutoff, type };
}

function expectedWindows({ day, expected }: DayQuestion, { streams }: ReceivedDay): WindowId[] {
  const cutoff = `${day}00`;
  const isFull = day.endsWith('16');
  const unseen = expected
    .filter(({ content, code }) => !streams.some((stream) => stream.content === content && stream.code === code))
    .map((stream): ReceivedDay['streams'][number] => ({ ...stream, sender: '', firstP: cutoff }));
  return [...streams, ...unseen].flatMap(({ firstP, firstF, ...stream }) => {
    // Whoever begins with everything there is (7.1.1) sends increments from the next day on.
    const isDaily = (firstP !== undefined && firstP <= cutoff) || (firstF !== undefined && firstF < cutoff);
    const types = [...(isDaily ? (['P'] as const) : []), ...(isFull ? (['F'] as const) : [])];
    return types.map((type) => ({ ...stream, cutoff, type }));
  });
}

function windowReport(
  window: WindowId,
  own: Batches,
  { lacking, wrong, nowMs }: { lacking: ReceivedDay['lacking']; wrong: readonly WrongFile[]; nowMs: number },
): WindowReport {
  const dueAt = cutoffMs(window.cutoff) + WITHIN_MS;
  const incomplete = [
    ...(own.length > 0 ? sequenceFaults(own.map(({ batch }) => batch)) : []),
    ...own
      .filter(({ loaded, count }) => loaded < count)
      .map(({ name, loaded, count }) => `${name} is being loaded (${loaded} of ${count} records)`),
  ];
  const isComplete = own.length > 0 && incomplete.length === 0;
  const completeAt = isComplete ? Math.max(...own.map(({ receivedAt }) => receivedAt)) : undefined;
  const state = stateOf(own.length, completeAt, dueAt, nowMs);
  const lacks = lacking.find((row) => keyOf({ ...row, type: 'F' }) === keyOf(window))?.records ?? 0;
  const faults = [
    ...(state === 'open' ? [] : incomplete),
    ...(state === 'late' ? [`complete ${duration((completeAt ?? 0) - dueAt)} late`] : []),
    ...wrong
      .filter(({ file }) => isOf(file, window))
      .map(({ file, letter }) => `${file} was refused (dead letter ${letter})`),
    ...own
      .filter(({ twice }) => twice > 0)
      .map(({ name, twice, twiceIn }) => `${name}: ${count(twice)} had come before, the first in ${twiceIn}`),
    ...(isComplete && lacks > 0 ? [`lacks ${count(lacks)} of its P windows`] : []),
  ];
  const records = own.reduce((sum, file) => sum + file.count, 0);
  return {
    ...window,
    state,
    dueAt,
    ...(completeAt !== undefined && { completeAt }),
    files: own.length,
    records,
    faults,
  };
}

function stateOf(files: number, completeAt: number | undefined, dueAt: number, nowMs: number): WindowReport['state'] {
  if (completeAt !== undefined) return completeAt <= dueAt ? 'onTime' : 'late';
  if (nowMs <= dueAt) return 'open';
  return files === 0 ? 'missing' : 'incomplete';
}

/** A refused file says in its name which window it is of, but not whose: it counts for each sender of that kind and code. */
function isOf(file: string, window: WindowId): boolean {
  const name = parseFileName(file);
  return name?.kind === 'batch' && nameOf(name) === nameOf(window);
}

/** Letters about files whose cut-off lies on that day, or, where the name tells none, that were refused on it. */
function wrongFiles(day: string, files: Batches, letters: Iterable<DeadLetter>): WrongFile[] {
  const found: WrongFile[] = [];
  const rightAt = new Map(files.map(({ name, receivedAt }) => [name, receivedAt]));
  for (const { id, origin, code, reason, at } of letters) {
    const file = /[^/\s]+$/.exec(origin)?.[0] ?? '';
    const name = parseFileName(file);
    if ((!name && code !== 'FILE_INVALID') || (rightAt.get(file) ?? 0) >= at) continue;
    if ((name?.kind === 'batch' ? dayOf(name) : cutoffOf(at).slice(0, 8)) !== day) continue;
    found.push({ file, origin, code, reason, letter: id });
  }
  return found;
}

const dayOf = ({ cutoff }: BatchName) => cutoff.slice(0, 8);
const count = (records: number) => (records === 1 ? '1 record' : `${records} records`);

function duration(ms: number): string {
  const minutes = Math.max(1, Math.ceil(ms / MINUTE_MS));
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
