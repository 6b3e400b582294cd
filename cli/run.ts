import type { Log } from '../contract/context.js';
import { IovError } from '../contract/error.js';
import { systemClock } from '../engine/clock.js';
import type { Engine } from '../engine/engine.js';
import { FORMATS, LEVELS } from '../engine/logWords.js';
import { isCutoff } from '../notice/cutoff.js';
import { checked } from './checked.js';
import { type Command, complain, EXIT, logLevel, oneOf, textOption } from './command.js';
import { stopSignal } from './stopSignal.js';

export const command: Command = {
  usage: 'run [FILE] [--once NAME [--cutoff YYYYMMDDHH] [--again]] [--log LEVEL] [--log-format json|pretty]',
  help: `Runs the pipelines of FILE (pipeline.yaml): listeners, watches and schedules, until SIGTERM or SIGINT asks it to
stop; what is under way is finished then, for drainMs of the file, and a second signal does not wait. A file whose pipelines
all end ends by itself. SIGHUP reads the file again: with faults it runs on as before, else only what differs is started anew.
Under systemd it says when it is ready, what it does, and that it is alive, unless a pipeline is stuck.

  --once NAME            one pipeline, one window (or one file), to its end; exit 0 when everything is delivered
  --cutoff YYYYMMDDHH    the window's end in Asia/Shanghai; by default the last one that is due, or the one left open
  --again                deliver again what has been delivered
  --log LEVEL            debug, info (default), warn, error or silent; log lines go to stderr
  --log-format FORMAT    json, or pretty for people; by default pretty where stderr is a terminal`,
  options: {
    once: { type: 'string' },
    cutoff: { type: 'string' },
    again: { type: 'boolean' },
    log: { type: 'string' },
    'log-format': { type: 'string' },
  },
  words: { log: LEVELS, 'log-format': FORMATS },
  positionalsMax: 1,
  audited: (given) => {
    const name = textOption(given, 'once');
    const words = ['--once', name, textOption(given, 'cutoff'), given.values.again ? '--again' : undefined];
    return name === undefined ? undefined : { file: given.positionals[0], what: words.filter(Boolean).join(' ') };
  },
  async run(given) {
    const level = logLevel(given, 'info');
    const format = textOption(given, 'log-format') ?? (process.stderr.isTTY ? 'pretty' : 'json');
    const { openLog } = await import('../engine/log.js');
    const log = openLog({ level, format: oneOf(FORMATS, format, '--log-format', FORMATS.join(' or ')) });
    endAtCrash(log);
    const name = textOption(given, 'once');
    const cutoff = textOption(given, 'cutoff');
    if (cutoff !== undefined && !isCutoff(cutoff)) {
      throw new IovError('USAGE', `--cutoff: expected an hour as YYYYMMDDHH, got ${JSON.stringify(cutoff)}`);
    }
    if (name === undefined && (cutoff !== undefined || given.values.again)) {
      throw new IovError('USAGE', '--cutoff and --again go with --once NAME');
    }
    const file = given.positionals[0] ?? 'pipeline.yaml';
    const again = given.values.again === true;
    return name === undefined ? serve(file, log) : once(file, log, name, { again, ...(cutoff && { cutoff }) });
  },
};

/**
 * What nobody foresaw ends the process with 2, which a service manager starts again; 1 would be a faulty file, which it leaves
 * alone. Of the error only its kind and place are told: a message may quote what came.
 */
function endAtCrash(log: Log): void {
  process.on('uncaughtException', (thrown: unknown) => {
    const { name = 'no Error', stack = '' } = thrown instanceof Error ? thrown : {};
    const at = stack.split('\n').filter((line) => /^ +at /.test(line));
    log.error(
      { code: 'INTERNAL', alarm: 'crashed', error: name, at: at.map((line) => line.trim()) },
      'crashed; what was under way is taken up at the next start',
    );
    process.exit(EXIT.failed);
  });
}

async function serve(file: string, log: Log): Promise<number> {
  const { Service } = await import('../engine/service.js');
  const { ServiceManager } = await import('../engine/notify.js');
  const { ControlServer } = await import('../dashboard/server.js');
  let reload: () => void = () => undefined; // before it is ready there is nothing to reload
  process.on('SIGHUP', () => reload());
  const exit = await withEngine(file, log, async (engine, stop) => {
    const service = new Service(engine, new ServiceManager(process.env, log), log);
    const control = await ControlServer.open({ engine, clock: systemClock, log });
    stop.addEventListener('abort', () => {
      reload = () => undefined;
      void service.stopping();
    });
    try {
      await engine.serve(stop, () => {
        log.info({ file: engine.config.file }, 'ready');
        reload = () => void service.reload();
        void service.ready();
      });
      return EXIT.done;
    } finally {
      await control.close();
      await service.close();
    }
  });
  return exit ?? EXIT.done;
}

async function once(
  file: string,
  log: Log,
  name: string,
  wanted: { cutoff?: string; again: boolean },
): Promise<number> {
  const exit = await withEngine(file, log, async (engine, stop) => {
    await engine.once(name, { ...wanted, signal: stop });
    return stop.aborted ? EXIT.failed : EXIT.done;
  });
  return exit ?? EXIT.failed;
}

/** @returns undefined where it was asked to stop before it had begun */
async function withEngine(
  file: string,
  log: Log,
  work: (engine: Engine, stop: AbortSignal) => Promise<number>,
): Promise<number | undefined> {
  const config = await checked(file);
  if (!config) return EXIT.refused;
  const { Engine } = await import('../engine/engine.js');
  let engine: Engine | undefined;
  // it may come while the archive is being opened, which may say nothing
  const stop = stopSignal(() => (engine?.config ?? config).drainMs);
  try {
    engine = await Engine.open(config, { clock: systemClock, log, stop });
    return await work(engine, stop);
  } catch (thrown) {
    const error = IovError.from(thrown);
    if (error.code === 'USAGE' || (!engine && error.code !== 'STOPPED')) throw error;
    complain(`iovpipe: ${error.message}`);
    return engine ? EXIT.failed : undefined;
  } finally {
    await engine?.close();
  }
}
