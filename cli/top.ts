import type { ConnectionView, LiveView, PartView, PipelineView } from '../dashboard/liveView.js';
import { localTime } from '../notice/cutoff.js';
import { type Command, complain, EXIT, print } from './command.js';
import { daemonOf } from './daemon.js';
import { stopSignal } from './stopSignal.js';
import { STORE_HELP, storeOptions } from './store.js';
import { table } from './table.js';

const CLEAR = '\x1b[H\x1b[J';

export const command: Command = {
  usage: 'top [--once] [--file FILE | --archive PATH] [--json]',
  help: [
    'Shows what the daemon does now, once a second: what each pipeline takes in and gives on, where it is held up, its',
    'failures, and the connections. A table on a terminal, a line a pipeline elsewhere; Ctrl-C ends it.',
    '',
    '  --once           one look, over one second',
    STORE_HELP,
  ].join('\n'),
  options: { ...storeOptions, once: { type: 'boolean' } },
  positionalsMax: 0,
  async run(given) {
    const daemon = await daemonOf(given);
    const stop = stopSignal();
    let looks = 0;
    for await (const { event, data } of daemon.events('/api/live', stop)) {
      if (event !== 'live') continue;
      looks += 1;
      if (given.values.once && looks < 2) continue; // the first one has no second behind it
      if (given.values.json) print(data);
      else if (process.stdout.isTTY && !given.values.once)
        process.stdout.write(CLEAR + page(daemon.parse<LiveView>(data)));
      else print(page(daemon.parse<LiveView>(data)));
      if (given.values.once) return EXIT.done;
    }
    if (!stop.aborted) complain('iovpipe: the daemon has ended');
    return given.values.once ? EXIT.failed : EXIT.done;
  },
};

export function page({ at, memoryBytes, busy, pipelines, connections }: LiveView): string {
  const rows = pipelines.map((pipeline) => {
    const [first] = pipeline.parts;
    const last = pipeline.parts.at(-1);
    return [
      pipeline.name,
      stateOf(pipeline),
      perSecond(first),
      perSecond(last),
      bytes(last?.bytesPerSecond ?? 0),
      total(first),
      total(last),
      Object.values(pipeline.failures).reduce((sum, count) => sum + count, 0),
      pipeline.underWay,
      heldUpBy(pipeline),
    ];
  });
  const heading = ['pipeline', 'state', 'in/s', 'out/s', 'bytes/s', 'in', 'out', 'failed', 'under way', 'held up by'];
  const head = `${localTime(at)}  memory ${bytes(memoryBytes)}  busy ${Math.round(busy * 100)} %`;
  return `${[head, '', table(heading, rows), ...connectionLines(connections)].join('\n')}\n`;
}

function connectionLines(connections: readonly ConnectionView[]): string[] {
  if (connections.length === 0) return [];
  const rows = connections.map(({ name, kind, open, max, uploads }) => [name, kind, `${open}/${max}`, uploads.length]);
  return ['', table(['connection', 'kind', 'open', 'uploads'], rows)];
}

const stateOf = ({ running, underWay }: PipelineView): string => (underWay > 0 ? 'works' : running ? 'waits' : 'rests');

const perSecond = (part: PartView | undefined): string =>
  part === undefined ? '' : count(part.shape === 'bytes' ? part.recordsPerSecond : part.itemsPerSecond);

const total = (part: PartView | undefined): number =>
  part === undefined ? 0 : part.shape === 'bytes' ? part.records : part.items;

/** What most of the last second had no place for another item. */
function heldUpBy({ parts }: PipelineView): string {
  const fullest = parts.reduce<PartView | undefined>(
    (most, part) => (part.full > (most?.full ?? 0) ? part : most),
    undefined,
  );
  return fullest && fullest.full >= 0.1 ? `${fullest.name} ${Math.round(fullest.full * 100)} %` : '';
}

const count = (value: number): string =>
  value >= 100 ? String(Math.round(value)) : String(Math.round(value * 10) / 10);

function bytes(value: number): string {
  const [divisor, unit] =
    value >= 1e9 ? [1e9, 'GB'] : value >= 1e6 ? [1e6, 'MB'] : value >= 1e3 ? [1e3, 'kB'] : [1, 'B'];
  return `${(value / divisor).toFixed(divisor === 1 ? 0 : 1)} ${unit}`;
}
