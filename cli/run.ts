import { IovError } from '../contract/error.js';
import { systemClock } from '../engine/clock.js';
import { isCutoff } from '../notice/cutoff.js';
import { checked } from './checked.js';
import { type Command, complain, EXIT, textOption } from './command.js';

export const command: Command = {
  usage: 'run [FILE] [--once NAME [--cutoff YYYYMMDDHH] [--again]] [--log LEVEL]',
  help: `Runs the pipelines of FILE (pipeline.yaml): listeners, watches and schedules, until SIGTERM or SIGINT asks it to
stop; what is under way is finished then, and a second signal does not wait. A file whose pipelines all end ends by itself.

  --once NAME            one pipeline, one window (or one file), to its end; exit 0 when everything is delivered
  --cutoff YYYYMMDDHH    the window's end in Asia/Shanghai; by default the last one that is due, or the one left open
  --again                deliver again what has been delivered
  --log LEVEL            debug, info (default), warn, error or silent; log lines are JSON on stderr`,
  options: {
    once: { type: 'string' },
    cutoff: { type: 'string' },
    again: { type: 'boolean' },
    log: { type: 'string' },
  },
  positionalsMax: 1,
  async run(given) {
    const { levelOf, openLog } = await import('../engine/log.js');
    const level = levelOf(textOption(given, 'log') ?? 'info');
    const name = textOption(given, 'once');
    const cutoff = textOption(given, 'cutoff');
    if (cutoff !== undefined && !isCutoff(cutoff)) {
      throw new IovError('USAGE', `--cutoff: expected an hour as YYYYMMDDHH, got ${JSON.stringify(cutoff)}`);
    }
    if (name === undefined && (cutoff !== undefined || given.values.again)) {
      throw new IovError('USAGE', '--cutoff and --again go with --once NAME');
    }
    const config = await checked(given.positionals[0] ?? 'pipeline.yaml');
    if (!config) return EXIT.refused;
    const { Engine } = await import('../engine/engine.js');
    const log = openLog({ level });
    const engine = await Engine.open(config, { clock: systemClock, log });
    const stop = stopSignal();
    try {
      if (name === undefined) await engine.serve(stop, () => log.info({ file: config.file }, 'ready'));
      else
        await engine.once(name, {
          ...(cutoff !== undefined && { cutoff }),
          again: given.values.again === true,
          signal: stop,
        });
      return stop.aborted && name !== undefined ? EXIT.failed : EXIT.done;
    } catch (thrown) {
      const error = IovError.from(thrown);
      if (error.code === 'USAGE') throw error;
      complain(`iovpipe: ${error.message}`);
      return EXIT.failed;
    } finally {
      await engine.close();
    }
  },
};

/** Aborts at the first SIGTERM or SIGINT; the second ends the process at once. */
export function stopSignal(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (controller.signal.aborted) process.exit(EXIT.failed);
      controller.abort(new IovError('STOPPED', `stopped by ${signal}`));
    });
  }
  return controller.signal;
}
