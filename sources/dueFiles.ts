import { backOffMs } from '../contract/backOff.js';
import type { ErrorCode } from '../contract/codes.js';
import { defineSource, type Source } from '../contract/component.js';
import type { Context } from '../contract/context.js';
import { IovError } from '../contract/error.js';
import type { Item } from '../contract/item.js';
import { Receipt } from '../contract/receipt.js';
import { type Static, Type } from '../contract/schema.js';
import type { DueFile, Effect } from '../contract/store.js';
import type { JsonObject } from '../contract/tags.js';
import { localTime } from '../notice/cutoff.js';
import { DueQueue, type Turn } from '../stores/dueQueue.js';

const Options = Type.Object(
  {
    file: Type.Union([Type.Literal('KH'), Type.Literal('HT')], {
      description: '`KH`: pictures that are due. `HT`: contracts that are due.',
    }),
    codes: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 64 }), {
        minItems: 1,
        maxItems: 1_000,
        description: 'Only what one of these owes: operator (A.1) or car maker (A.6). By default all.',
        examples: [['0002']],
      }),
    ),
    peer: Type.Optional(Type.String({ peer: true, description: 'Only what this peer owes, by its `codes`.' })),
    until: Type.Union([Type.Literal('delivered'), Type.Literal('asked')], {
      default: 'delivered',
      description:
        'What has come about when an item has arrived: the file is `delivered`, or its peer has been `asked` for it.',
    }),
    pollMs: Type.Integer({
      default: 200,
      minimum: 1,
      maximum: 60_000,
      description: 'How often is looked for new ones.',
    }),
    inFlightMax: Type.Integer({ default: 512, minimum: 1, maximum: 65_536, description: 'Files under way at once.' }),
    retryDelayMsMin: Type.Integer({
      default: 1_000,
      minimum: 1,
      maximum: 3_600_000,
      description: 'First bound of the delay after a failure, which doubles.',
    }),
    retryDelayMsMax: Type.Integer({
      default: 300_000,
      minimum: 1,
      maximum: 86_400_000,
      description: 'Last bound of the delay.',
    }),
    waitingMax: Type.Integer({
      default: 10_000,
      minimum: 1,
      maximum: 1_000_000,
      description:
        'Failed files that wait with a delay of their own; more than these are tried every `retryDelayMsMax`.',
    }),
  },
  { additionalProperties: false },
);
type Options = Static<typeof Options>;

export const spec = defineSource({
  name: 'dueFiles',
  summary: 'Gives each file that is due, as a command {RequestID, Code, ICCID}, until it is there.',
  description: [
    'Oldest first, each as soon as it is noted (`expect`). What fails is tried again, later and later, with its reason in `status` and `trace`; what would fail alike each time (a record that is refused, a file that is no picture) goes to the dead letters at once. At its deadline nobody tries any more: it goes to the dead letters as COMMAND_EXPIRED, and `iovpipe dead retry` sends it nevertheless.',
    'A file counts as delivered when a `sftp` or `directory` sink has delivered one of its name; where the chain asks a peer for it (`until: asked`), it stays due until the peer’s file has come. After a crash a peer may be asked again under the same RequestID, which it recognises.',
  ].join('\n\n'),
  sections: ['5.1', '5.2', '7.1.2'],
  gives: 'message',
  failuresGoTo: 'peer',
  lasts: 'run',
  options: Options,
  check: ({ codes, peer, retryDelayMsMin, retryDelayMsMax }) => [
    ...(codes && peer !== undefined ? [{ field: 'peer', label: '', rule: 'either `codes` or `peer`, not both' }] : []),
    ...(retryDelayMsMin > retryDelayMsMax
      ? [{ field: 'retryDelayMsMax', label: '', rule: 'at least retryDelayMsMin' }]
      : []),
  ],
  examples: [
    { title: 'Our own pictures', yaml: 'file: KH\ncodes: ["0002"]' },
    { title: 'Contracts that a car maker is asked for', yaml: 'file: HT\npeer: oem\nuntil: asked' },
    { title: 'A car maker’s contracts', yaml: 'file: HT' },
  ],
  create: (options, context) => new DueFilesSource(options, context),
});

/** What fails for good by its code, but says nothing about the file: somebody may mend it before the deadline. */
const MENDABLE: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'NO_PICTURES', // they may still come
  'FILE_UNREADABLE', // a permission
  'ALBUM_INVALID', // a picture may still be on its way into the directory
  'SFTP_REFUSED', // a directory that is missing, a permission
  'PEER_PROTOCOL', // something else may have answered in the peer's place
  'COMPONENT_UNAVAILABLE',
]);
/** How often is looked for files that a peer was asked for, and that have expired since. */
const ASKED_LOOK_MS = 1_000;
const PAGE = 500;
/** Thousands that expire or fail at once leave timers and sockets their turn. */
const LOOKS_AT_A_TIME = 64;

class DueFilesSource implements Source {
  readonly #options: Options;
  readonly #context: Context;
  readonly #queue: DueQueue;
  /** Notes being written about files that are settled; such a file counts as under way. */
  readonly #noting = new Set<Promise<void>>();
  readonly #codes: ReadonlySet<string> | undefined;
  #askedLookAtMs = 0;
  #askedAfterId = 0;
  #underWay = 0;
  #failure: IovError | undefined;
  #closed = false;
  #wake: (() => void) | undefined;

  constructor(options: Options, context: Context) {
    const { file, peer, codes = peer === undefined ? undefined : context.peers[peer]?.codes, pollMs } = options;
    const { waitingMax, retryDelayMsMax } = options;
    this.#options = options;
    this.#context = context;
    this.#codes = codes && new Set(codes);
    this.#queue = new DueQueue(context.store, context.clock, {
      content: file,
      codes: this.#codes,
      pollMs,
      waitingMax,
      againMs: retryDelayMsMax,
    });
  }

  async *read(signal: AbortSignal): AsyncGenerator<Item> {
    const stop = () => this.#wake?.();
    signal.addEventListener('abort', stop, { once: true });
    try {
      for (let looks = 1; !signal.aborted && !this.#closed; looks += 1) {
        if (looks % LOOKS_AT_A_TIME === 0) {
          await this.#rest(0);
          continue;
        }
        if (this.#failure) throw this.#failure;
        this.#expireAsked();
        const isFull = this.#underWay >= this.#options.inFlightMax;
        const turn = isFull ? undefined : this.#queue.next();
        if (!turn) await this.#rest(isFull ? undefined : this.#queue.restMs);
        else if (this.#isTooLate(turn.file)) this.#expire(turn);
        else yield this.#item(turn);
      }
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#wake?.();
    await Promise.all(this.#noting);
  }

  /** Until something is woken up; for so long at most. */
  async #rest(atMostMs: number | undefined): Promise<void> {
    if (atMostMs === 0) return new Promise((resolve) => void setImmediate(resolve));
    await new Promise<void>((resolve) => {
      const timer = atMostMs === undefined ? undefined : setTimeout(resolve, atMostMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = undefined;
  }

  #item(turn: Turn): Item {
    this.#underWay += 1;
    const { name, requestId, code, iccid } = turn.file;
    const receipt = new Receipt((error) => {
      this.#underWay -= 1;
      if (this.#closed) return;
      if (error) this.#failed(turn, error);
      else this.#arrived(turn);
      this.#wake?.();
    });
    const value = messageOf(turn.file);
    return { value, tags: { requestId, code, iccid }, origin: name, receipt, effects: [], raw: rawOf(value) };
  }

  #arrived(turn: Turn): void {
    const { name } = turn.file;
    if (this.#options.until === 'asked') {
      this.#settle(turn, (transaction) => transaction.dueFileAsked(name));
    } else if (this.#context.store.dueFile(name)?.state === 'delivered') {
      this.#queue.done(turn); // as its sink has noted
    } else {
      this.#settle(turn, (transaction) => transaction.dueFileDelivered(name));
    }
  }

  #failed(turn: Turn, error: IovError): void {
    const { file, failures } = turn;
    if (!error.retryable && !MENDABLE.has(error.code)) {
      this.#giveUp(turn, error);
      return;
    }
    const { retryDelayMsMin, retryDelayMsMax } = this.#options;
    const bounds = { delayMsMin: retryDelayMsMin, delayMsMax: retryDelayMsMax };
    const again = () => this.#queue.again(turn, backOffMs(failures + 1, bounds));
    const reason = reasonOf(error);
    if (error.code === 'STOPPED' || reason === file.reason) again();
    else this.#note(again, (transaction) => transaction.dueFileFailed(file.name, reason, false));
  }

  #isTooLate({ dueAt }: DueFile): boolean {
    return this.#context.clock.now() >= dueAt;
  }

  /** The engine notes the expiry, for whoever watches; only then is it given up here. */
  #expire(turn: Turn): void {
    if (turn.file.expiredAt === undefined) this.#queue.again(turn, 0);
    else this.#giveUp(turn, expiry(turn.file));
  }

  /** Files that the peer was asked for and has not sent: it may be asked again by a person. A page a look, round and round. */
  #expireAsked(): void {
    const { until, file: content } = this.#options;
    const now = performance.now();
    if (until !== 'asked' || now < this.#askedLookAtMs) return;
    this.#askedLookAtMs = now + ASKED_LOOK_MS;
    const afterId = this.#askedAfterId;
    const page = this.#context.store.dueFiles({ content, state: 'asked', expired: true, afterId, limit: PAGE });
    this.#askedAfterId = page.length < PAGE ? 0 : (page.at(-1)?.id ?? 0);
    for (const file of page) if (this.#codes?.has(file.code) ?? true) this.#giveUp({ file, failures: 0 }, expiry(file));
  }

  /** Nobody tries any more; a person may. */
  #giveUp(turn: Turn, error: IovError): void {
    const { pipeline } = this.#context;
    const { name, requestId, code, iccid } = turn.file;
    const raw = rawOf(messageOf(turn.file));
    const tags = { requestId, code, iccid };
    const letter = { pipeline, origin: name, code: error.code, reason: error.message, tags, raw };
    this.#settle(turn, (transaction) => {
      transaction.addDeadLetter(letter);
      transaction.dueFileFailed(name, reasonOf(error), true);
    });
  }

  #settle(turn: Turn, effect: Effect): void {
    this.#note(() => this.#queue.done(turn), effect);
  }

  /** What cannot be noted breaks the run, which begins anew with what the ledger knows. */
  #note(then: () => void, effect: Effect): void {
    this.#underWay += 1;
    const noted = this.#context.store
      .commit([effect])
      .then(then, (thrown: unknown) => {
        this.#failure ??= IovError.from(thrown);
      })
      .finally(() => {
        this.#underWay -= 1;
        this.#noting.delete(noted);
        this.#wake?.();
      });
    this.#noting.add(noted);
  }
}

function expiry({ dueAt, reason, state }: DueFile): IovError {
  const by = `expected by ${localTime(dueAt)}`;
  const why = reason ?? (state === 'asked' ? 'its peer was asked, and has not sent it' : undefined);
  return new IovError('COMMAND_EXPIRED', why === undefined ? by : `${by}; ${why}`);
}

/** As table 1 asks for it, without Auth. */
function messageOf({ requestId, code, iccid }: DueFile): JsonObject {
  return { RequestID: requestId, ...(code !== '' && { Code: code }), ICCID: iccid };
}

const rawOf = (message: JsonObject): Uint8Array => Buffer.from(JSON.stringify(message));

/** For `status` and `trace`; a reason that is the same each time is noted once. */
function reasonOf({ code, message }: IovError): string {
  return `${code}: ${message}`;
}
