import { IovError } from '../contract/error.js';
import type { ReceivedDay } from '../contract/received.js';
import { systemClock } from '../engine/clock.js';
import { waitingLetters } from '../engine/deadLetters.js';
import { cutoffOf, localTime } from '../notice/cutoff.js';
import { type DayQuestion, type DayReport, dayReport, nameOf } from '../notice/dayReport.js';
import { type Command, EXIT, type Given, print, printJson, textOption } from './command.js';
import { dayOption } from './day.js';
import { STORE_HELP, storeOptions, withStore } from './store.js';
import { table } from './table.js';

/** Files named below a table; the rest is in `--json`, or among the dead letters. */
const SHOWN_MAX = 40;

export const command: Command = {
  usage: 'report [--day YYYYMMDD] [--expect KH_CODE,CL_CODE…] [--file FILE | --archive PATH] [--json]',
  help: [
    'For the regulator: what each operator, and each car maker through it, has delivered of a day, and whether it was whole,',
    'right and in time (05:00; on the 16th the full files, too), and how the commands of that day were answered (6 hours).',
    'Daily files are expected of whoever has sent some before. Exit code 1 where something is missing, late or wrong.',
    '',
    '  --day YYYYMMDD   the day of the cut-off, Asia/Shanghai (today)',
    '  --expect LIST    kinds and codes that must come, also where none of them has ever come: KH_0002,CL_LSV1',
    STORE_HELP,
  ].join('\n'),
  options: { ...storeOptions, day: { type: 'string' }, expect: { type: 'string' } },
  positionalsMax: 0,
  async run(given) {
    const question = questionOf(given);
    const report = await withStore(given, (store) => {
      const received: ReceivedDay = store.received.day(question.day, question.nowMs);
      return dayReport(question, received, waitingLetters(store));
    });
    if (given.values.json) printJson(report);
    else print(reportPage(report));
    return report.green ? EXIT.done : EXIT.refused;
  },
};

/** @throws IovError USAGE */
function questionOf(given: Given): DayQuestion {
  const nowMs = systemClock.now();
  const day = dayOption(given) ?? cutoffOf(nowMs).slice(0, 8);
  const names = (textOption(given, 'expect') ?? '').split(',').filter((name) => name !== '');
  const expected = names.map((name) => {
    const [, content, code] = /^(KH|CL)_([A-Za-z0-9-]{1,64})$/.exec(name.trim()) ?? [];
    if (content && code) return { content: content as 'KH' | 'CL', code };
    throw new IovError('USAGE', `--expect: expected kinds and codes as KH_0002,CL_LSV1, got ${JSON.stringify(name)}`);
  });
  return { day, nowMs, expected };
}

const STATES = { onTime: 'on time', late: 'late', incomplete: 'INCOMPLETE', missing: 'MISSING', open: 'not due yet' };

/** A page for people: a line a window, and below it what is wrong. */
export function reportPage(report: DayReport): string {
  const { day, windows, wrong, commands } = report;
  if (windows.length + commands.length + wrong.length === 0) {
    return `${day}: nothing was received, asked for or expected; \`--expect KH_0002\` says what must come`;
  }
  return [verdict(report), ...windowLines(windows), ...wrongLines(wrong), ...commandLines(report)].join('\n');
}

/** The first line of a page. */
export function verdict({ day, green, windows, commands }: DayReport): string {
  const onTime = windows.filter(({ state, faults }) => state === 'onTime' && faults.length === 0).length;
  const open = windows.filter(({ state }) => state === 'open').length;
  const asked = commands.reduce((sum, count) => sum + count.asked, 0);
  const answered = commands.reduce((sum, count) => sum + count.inTime, 0);
  const told = [
    `${onTime} of ${windows.length} windows on time and right`,
    ...(open > 0 ? [`${open} not due yet`] : []),
    ...(asked > 0 ? [`${answered} of ${asked} files of commands in time`] : []),
  ];
  return `${day}: ${green ? 'all green' : 'NOT in order'}; ${told.join(', ')}`;
}

function windowLines(windows: DayReport['windows']): string[] {
  if (windows.length === 0) return [];
  const rows = windows.map((window) => [
    window.sender || '-',
    nameOf(window),
    STATES[window.state],
    window.files,
    window.records,
    window.completeAt === undefined ? '-' : localTime(window.completeAt),
  ]);
  const faults = windows.flatMap((window) =>
    window.faults.map((fault) => `  ${window.sender ? `${window.sender} ` : ''}${nameOf(window)}: ${fault}`),
  );
  return ['', table(['sender', 'window', 'state', 'files', 'records', 'complete at'], rows), ...bounded(faults)];
}

function wrongLines(wrong: DayReport['wrong']): string[] {
  if (wrong.length === 0) return [];
  const lines = wrong.map(
    ({ origin, code, reason, letter }) => `  ${letter}  ${origin}: ${code} ${reason.slice(0, 300)}`,
  );
  return ['', `refused files: ${wrong.length} (\`iovpipe dead show ID\`)`, ...bounded(lines)];
}

function commandLines({ commands, notInTime }: DayReport): string[] {
  if (commands.length === 0) return [];
  const rows = commands.map(({ content, code, asked, inTime, late, missing, failed, open }) => [
    content,
    code || '-',
    asked,
    inTime,
    late,
    missing,
    failed,
    open,
  ]);
  const lines = notInTime.map(({ name, state, dueAt, deliveredAt, reason }) => {
    const when = deliveredAt === undefined ? (state === 'failed' ? 'given up' : 'missing') : localTime(deliveredAt);
    return `  ${name}: was due at ${localTime(dueAt)}, ${when}${reason === undefined ? '' : `: ${reason}`}`;
  });
  const total = commands.reduce((sum, { late, missing, failed }) => sum + late + missing + failed, 0);
  return [
    '',
    'files of commands:',
    table(['kind', 'code', 'asked', 'in time', 'late', 'missing', 'failed', 'not due yet'], rows),
    ...bounded(lines, total),
  ];
}

/** @param total how many there are, where the report itself names only the first of them */
function bounded(lines: readonly string[], total = lines.length): string[] {
  if (total <= SHOWN_MAX) return [...lines];
  const named = total === lines.length ? 'them all' : `the first ${lines.length}`;
  return [...lines.slice(0, SHOWN_MAX), `  … and ${total - SHOWN_MAX} more; \`--json\` has ${named}`];
}
