import { mkdirSync } from 'node:fs';
import type { Test } from 'tap';
import type { Clock, Log } from '../../contract/context.js';
import { relocate } from '../../demo/relocate.js';
import type { RoleSite } from '../../demo/roles.js';
import { writeSite } from '../../demo/site.js';
import { systemClock } from '../../engine/clock.js';
import { Engine } from '../../engine/engine.js';
import type { SqliteStore } from '../../stores/sqlite/store.js';
import type { LogLine } from './bareContext.js';
import { checkedConfig } from './checkedConfig.js';
import { serve } from './serve.js';
import { within } from './within.js';

const LINE_MS = 60_000;

/** A log that keeps its lines, and tells of those that are waited for. */
export class HeardLog implements Log {
  readonly lines: LogLine[] = [];
  readonly #listeners = new Set<(line: LogLine) => void>();

  debug = this.#at('debug');
  info = this.#at('info');
  warn = this.#at('warn');
  error = this.#at('error');

  /** The first line, of those said already or yet to come, with this message and these fields. */
  says(message: string | RegExp, fields: Readonly<Record<string, unknown>> = {}): Promise<LogLine> {
    const isWanted = (line: LogLine) =>
      (typeof message === 'string' ? line.message === message : message.test(line.message)) &&
      Object.entries(fields).every(([name, value]) => (line.fields as Record<string, unknown>)[name] === value);
    const before = this.lines.find(isWanted);
    if (before) return Promise.resolve(before);
    const heard = new Promise<LogLine>((resolve) => {
      const listener = (line: LogLine) => {
        if (!isWanted(line)) return;
        this.#listeners.delete(listener);
        resolve(line);
      };
      this.#listeners.add(listener);
    });
    return within(LINE_MS, `"${message}" ${JSON.stringify(fields)}`, heard);
  }

  /** Lines that are meant for whoever is on duty. */
  alarms(alarm: string): LogLine[] {
    return this.lines.filter(({ fields }) => (fields as { alarm?: string }).alarm === alarm);
  }

  #at(level: LogLine['level']) {
    return (fields: object, message: string) => {
      const line: LogLine = { level, message, fields };
      this.lines.push(line);
      for (const listener of [...this.#listeners]) listener(line);
    };
  }
}

/** One of the three roles, run by this process with the pipeline file of its site. */
export interface RunningRole {
  engine: Engine;
  store: SqliteStore;
  log: HeardLog;
  folder: string;
  /** Of its ledger, for the command line. */
  archive: string;
}

/** Starts a role; resolves when its listeners are up. It is stopped when the test ends. */
export async function startRole(
  t: Test,
  { site, changes }: RoleSite,
  { clock = systemClock, drainMs = 2_000 }: { clock?: Clock; drainMs?: number } = {},
): Promise<RunningRole> {
  mkdirSync(site.folder, { recursive: true });
  const config = await checkedConfig(writeSite(site));
  const log = new HeardLog();
  const engine = await Engine.open(relocate(config, changes), { clock, log, drainMs });
  const { ready, end } = serve(engine);
  t.teardown(end);
  await ready;
  return { engine, store: engine.store as SqliteStore, log, folder: site.folder, archive: config.archivePath };
}
