import { IovError } from '../contract/error.js';
import { systemClock } from '../engine/clock.js';
import type { CheckedConfig, CheckedPipeline } from '../engine/config.js';
import { LEVELS, type LogLevel } from '../engine/logWords.js';
import type { Counts, Part, ReplaySource } from '../engine/replay.js';
import { checked } from './checked.js';
import { type Command, complain, EXIT, type Given, logLevel, print, printJson, textOption } from './command.js';
import { Progress } from './progress.js';
import { checkWords, filesOf } from './replayOptions.js';
import { archivedOf, pipelineOf } from './replayWhat.js';
import { stopSignal } from './stopSignal.js';

export const command: Command = {
  usage:
    'replay FILE NAME (--topic T [--from BOUND] [--to BOUND] [--partitions 0,3-5] [--on BUS] | --file X …) [--dry-run] [--restart] [--json]',
  help: `Sends what was archived through the pipeline NAME of FILE again: its operators and its sink, while a daemon may be running.
What the archive has already is known there and stored once; the counts at the end say what was new. Broken off, it goes on
where all had settled when it is called again with the same words.

  --topic T          a Kafka topic, read by a consumer of its own: no group is disturbed
  --from BOUND       the first message that is not before BOUND, in each partition (earliest)
  --to BOUND         up to, and without, the first message that is not before BOUND (latest: the end as it is now)
                     BOUND is an offset, a time of the broker's timestamps (2026-11-15T08:00 in Asia/Shanghai, or with a
                     zone: 2026-11-15T00:00:00Z), earliest or latest
  --partitions LIST  only these: 0,3-5
  --on BUS           the kafka connection, where the pipeline's own source says none and there are several
  --file X           instead of a topic: line JSON (also .gz), a .json array, or a .bin of the notice; again for each file
  --peer P           whose cipher opens a .bin
  --dry-run          tells what would be new; nothing is stored and nothing sent
  --restart          begin anew, and not where an earlier replay was broken off
  --json             the counts as JSON
  --log LEVEL        debug, info, warn, error (default) or silent`,
  options: {
    topic: { type: 'string' },
    from: { type: 'string' },
    to: { type: 'string' },
    partitions: { type: 'string' },
    on: { type: 'string' },
    file: { type: 'string', multiple: true },
    peer: { type: 'string' },
    'dry-run': { type: 'boolean' },
    restart: { type: 'boolean' },
    json: { type: 'boolean' },
    log: { type: 'string' },
  },
  words: { log: LEVELS },
  positionalsMax: 2,
  audited: (given) => {
    const [file, name] = given.positionals;
    const from = textOption(given, 'topic') ?? filesOf(given).join(' ');
    return file === undefined || name === undefined ? undefined : { file, what: `${name} ${from}` };
  },
  async run(given) {
    const [file, name] = given.positionals;
    if (file === undefined || name === undefined) throw new IovError('USAGE', 'replay expects FILE and NAME');
    const level = logLevel(given, 'error');
    checkWords(given);
    const config = await checked(file);
    if (!config) return EXIT.refused;
    return replay(config, pipelineOf(config, name), given, level);
  },
};

/** Sinks whose transaction runs an item's effects once for what is new, and never for what is known. */
const TELLING: ReadonlySet<string> = new Set(['archive', 'requests']);

async function replay(
  config: CheckedConfig,
  pipeline: CheckedPipeline,
  given: Given,
  level: LogLevel,
): Promise<number> {
  const [{ openLog }, { Engine }, { ReplaySource }] = await Promise.all([
    import('../engine/log.js'),
    import('../engine/engine.js'),
    import('../engine/replay.js'),
  ]);
  const log = openLog({ level });
  const archived = await archivedOf(config, pipeline, given);
  const isDry = given.values['dry-run'] === true;
  const tellsNew = TELLING.has(pipeline.sink.spec.name);
  const stop = stopSignal(() => config.drainMs);
  const runs = isDry && !tellsNew ? await withoutSink(config, pipeline) : config;
  const engine = await Engine.open(runs, { clock: systemClock, log, dry: isDry, stop });
  const progress = new Progress(`replaying ${pipeline.name}`);
  try {
    let parts: readonly Part[] = [];
    const source: ReplaySource = new ReplaySource({
      archived: archived((name) => engine.connection(name)),
      store: engine.store,
      log,
      pipeline: pipeline.name,
      tellsNew,
      resume: !isDry && given.values.restart !== true,
      began: (found, resumed) => {
        parts = found;
        if (resumed) complain('an earlier replay of the same bounds was broken off; this one goes on from there');
        progress.of(found.reduce((sum, { from, to = from }) => sum + to - from, 0));
      },
      progress: ({ read }) => progress.done(read),
    });
    const failure = await engine.once(pipeline.name, { source, signal: stop }).catch((thrown) => IovError.from(thrown));
    progress.end();
    tell(source.counts, { pipeline, parts, given, isDry, tellsNew });
    if (failure) complain(`iovpipe: ${failure.message}`);
    if (stop.aborted) complain('iovpipe: stopped; called again with the same words it goes on here');
    return failure || stop.aborted ? EXIT.failed : EXIT.done;
  } finally {
    await engine.close();
  }
}

/** The same, with nothing at its end: what a dry run gives reaches nobody. */
async function withoutSink(config: CheckedConfig, { name }: CheckedPipeline): Promise<CheckedConfig> {
  const { component } = await import('../engine/registry.js');
  const spec = component('sink', 'discard');
  if (!spec) throw new IovError('INTERNAL', 'there is no sink discard');
  const pipelines = config.pipelines.map((pipeline) =>
    pipeline.name === name ? { ...pipeline, sink: { ...pipeline.sink, spec, options: {} } } : pipeline,
  );
  return { ...config, pipelines };
}

interface Told {
  pipeline: CheckedPipeline;
  parts: readonly Part[];
  given: Given;
  isDry: boolean;
  tellsNew: boolean;
}

function tell({ read, fresh, seen, sent, dead }: Counts, { pipeline, parts, given, isDry, tellsNew }: Told): void {
  const counts = tellsNew ? { read, new: fresh, seenBefore: seen, dead } : { read, sent, dead };
  const awaited = parts.reduce((sum, part) => sum + (part.awaited ?? 0), 0);
  if (given.values.json) {
    const topic = textOption(given, 'topic');
    const about = topic === undefined ? { files: filesOf(given) } : { topic };
    printJson({ pipeline: pipeline.name, ...about, dryRun: isDry, parts, ...counts, ...(awaited > 0 && { awaited }) });
    return;
  }
  const words = tellsNew ? `${fresh} new, ${seen} seen before` : `${sent} sent`;
  print(`${isDry ? 'dry run: ' : ''}${read} read, ${words}, ${dead} dead`);
  if (tellsNew && fresh === 0)
    print(isDry ? 'nothing would change in the archive' : 'nothing has changed in the archive');
  if (awaited > 0)
    print(
      `${awaited} more are not replayed: the daemon has still to bring them (group ${pipeline.source.options.group})`,
    );
}
