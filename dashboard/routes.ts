import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock, Log } from '../contract/context.js';
import { IovError } from '../contract/error.js';
import { NAME_PATTERN } from '../engine/configSchema.js';
import type { Engine } from '../engine/engine.js';
import { compileRecordMask } from '../notice/maskRecord.js';
import { openEvents } from './events.js';
import { LedgerWatch } from './ledgerView.js';
import { Letters } from './letters.js';
import { LiveWatch } from './liveView.js';
import type { Metrics } from './metrics.js';
import { type PageFile, pageFiles } from './pageFiles.js';
import { pipelinesView } from './pipelinesView.js';
import { callerOf, Readers } from './readers.js';
import { sendJson } from './sendJson.js';
import { edgeOf, maskedTap } from './tapView.js';

export interface Watched {
  engine: Engine;
  clock: Clock;
  log: Log;
}

const KEY_LENGTH_MAX = 128;
/** As a pipeline file may call a pipeline. */
const NAME = new RegExp(NAME_PATTERN);

interface Call {
  request: IncomingMessage;
  response: ServerResponse;
  /** What follows the `?`. */
  query: URLSearchParams;
  /** The number in the path, where it has one. */
  id: number;
}

type Handler = (call: Call) => unknown;

/** Every path of the control server. What a handler returns is the answer as JSON; undefined where it answers by itself. */
export class Routes {
  readonly #watched: Watched;
  readonly #live: LiveWatch;
  readonly #ledger: LedgerWatch;
  readonly #letters: Letters;
  readonly #readers = new Readers();
  #metrics: Promise<Metrics> | undefined;
  readonly #files: ReadonlyMap<string, PageFile>;
  readonly #handlers: Readonly<Record<string, Handler>>;

  constructor(watched: Watched) {
    const { engine, clock, log } = watched;
    this.#watched = watched;
    this.#live = new LiveWatch(engine, clock, log);
    this.#ledger = new LedgerWatch(engine, clock);
    this.#letters = new Letters(engine, log);
    this.#files = pageFiles();
    this.#handlers = {
      'GET /metrics': (call) => this.#scrape(call),
      'GET /api/pipelines': () => pipelinesView(engine.config),
      'GET /api/live': (call) => this.#streamLive(call),
      'GET /api/status': () => this.#ledger.look(),
      'GET /api/trace': (call) => this.#trace(call),
      'GET /api/tap': (call) => this.#tap(call),
      'GET /api/dead': (call) => this.#list(call),
      'GET /api/dead/:id': (call) => this.#show(call),
      'POST /api/dead/:id/retry': (call) => this.#retry(call),
    };
  }

  /** Answers a call that has been let in. */
  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [pathname = '/', search = ''] = (request.url ?? '/').split('?', 2);
    const file = this.#files.get(pathname);
    if (file && (request.method === 'GET' || request.method === 'HEAD')) return sendFile(response, file);
    const [, id = ''] = /\/(\d{1,15})(?:\/|$)/.exec(pathname) ?? [];
    const path = id === '' ? pathname : pathname.replace(id, ':id');
    const handler = this.#handlers[`${request.method} ${path}`];
    if (!handler) return this.#refuse(response, path, file !== undefined);
    try {
      const result = await handler({ request, response, query: new URLSearchParams(search), id: Number(id) });
      if (result !== undefined) sendJson(response, 200, result);
    } catch (thrown) {
      const { code, message } = IovError.from(thrown);
      if (!response.headersSent) sendJson(response, STATUS[code] ?? 500, { code, reason: message });
      else response.destroy();
    }
  }

  close(): void {
    this.#live.close();
  }

  #refuse(response: ServerResponse, path: string, isFile: boolean): void {
    const allowed = Object.keys(this.#handlers)
      .filter((key) => key.endsWith(` ${path}`))
      .map((key) => key.split(' ')[0]);
    if (isFile) allowed.push('GET');
    if (allowed.length > 0) response.setHeader('allow', allowed.join(', '));
    sendJson(response, allowed.length > 0 ? 405 : 404, {
      reason: allowed.length > 0 ? 'wrong method' : 'no such path',
    });
  }

  async #scrape({ response }: Call): Promise<undefined> {
    this.#metrics ??= import('./metrics.js').then(({ Metrics }) => new Metrics(this.#live, this.#ledger));
    const metrics = await this.#metrics;
    const text = await metrics.text();
    response.writeHead(200, { 'content-type': metrics.type }).end(text);
  }

  #streamLive({ request, response }: Call): undefined {
    let forget = () => {};
    const stream = openEvents(request, response, () => forget());
    if (!stream) return;
    stream.send('live', this.#live.view);
    forget = this.#live.listen((view) => stream.send('live', view));
  }

  async #tap({ request, response, query }: Call): Promise<undefined> {
    const { engine } = this.#watched;
    const at = query.get('at') ?? '';
    edgeOf(engine.live, at); // what is not there is not looked at
    await this.#note(request, 'tap', at);
    const part = edgeOf(engine.live, at); // of what runs now: a reload may have come meanwhile
    let forget = () => {};
    const stream = openEvents(request, response, () => forget());
    if (!stream) return;
    const { tap, skipped } = maskedTap(compileRecordMask(engine.config.site.tables), (item) =>
      stream.send('item', item),
    );
    const tellSkipped = this.#live.listen(() => stream.send('skipped', skipped()));
    const unwatch = part.watch(tap, () => stream.end());
    forget = () => {
      unwatch();
      tellSkipped();
    };
  }

  async #trace({ request, query }: Call): Promise<object> {
    const key = query.get('key') ?? '';
    if (key === '' || key.length > KEY_LENGTH_MAX)
      throw new IovError(
        'USAGE',
        `expected a RequestID, an ICCID or a file name of at most ${KEY_LENGTH_MAX} characters`,
      );
    await this.#note(request, 'trace', key);
    request.socket.setTimeout(0); // the store has deadlines of its own
    return await this.#watched.engine.store.trace(key);
  }

  async #show({ request, id }: Call): Promise<object> {
    const letter = this.#letters.show(id);
    if (!letter) throw new IovError('USAGE', `there is no dead letter ${id}`);
    await this.#note(request, 'dead show', String(id));
    return letter;
  }

  async #retry({ request, id }: Call): Promise<object> {
    await this.#note(request, 'dead retry', String(id));
    request.socket.setTimeout(0); // a retry has a deadline of its own
    return this.#letters.retry(id);
  }

  /** Who looks at what is kept of people, or changes it, leaves a trace before anything is shown. */
  async #note({ socket }: IncomingMessage, did: string, what: string): Promise<void> {
    const { engine, clock } = this.#watched;
    const who = callerOf(socket);
    const { noteAudit } = await import('../stores/audit.js');
    await noteAudit(engine.config.archivePath, { at: clock.now(), who, did, what });
  }

  async #list({ request, query }: Call): Promise<object[]> {
    const pipeline = query.get('pipeline');
    const state = query.get('state');
    const afterId = Number(query.get('after') ?? 0);
    const before = query.get('before');
    const beforeId = Number(before || Number.MAX_SAFE_INTEGER); // `before=` is the newest of all
    if (
      !Number.isSafeInteger(afterId) ||
      !Number.isSafeInteger(beforeId) ||
      (state !== null && state !== 'waiting' && state !== 'retried')
    )
      throw new IovError('USAGE', 'expected after=ID, before=ID, state=waiting or state=retried');
    if (pipeline !== null && !NAME.test(pipeline)) throw new IovError('USAGE', 'expected pipeline=NAME');
    if (this.#readers.isNew(callerOf(request.socket))) {
      const asked = Object.entries({ pipeline, state, after: afterId || null, before: before || null });
      const words = asked.flatMap(([name, value]) => (value === null ? [] : `${name}=${value}`));
      await this.#note(request, 'dead list', words.join(' '));
    }
    return this.#letters.list({
      afterId,
      ...(before !== null && { beforeId }),
      ...(pipeline !== null && { pipeline }),
      ...(state !== null && { state }),
    });
  }
}

const STATUS: Readonly<Record<string, number>> = { USAGE: 404, OVERLOADED: 429, STOPPED: 503 };

function sendFile(response: ServerResponse, { type, content }: PageFile): void {
  response.writeHead(200, { 'content-type': type, 'content-length': content.byteLength }).end(content);
}
