import { setMaxListeners } from 'node:events';
import { judgeReply } from '../connections/httpsAnswer.js';
import type { HttpsClient } from '../connections/httpsClient.js';
import type { SendRate } from '../connections/sendRate.js';
import { backOff } from '../contract/backOff.js';
import { defineSink, type Sink } from '../contract/component.js';
import type { Context } from '../contract/context.js';
import { IovError } from '../contract/error.js';
import type { Item, Lines } from '../contract/item.js';
import { type Static, Type } from '../contract/schema.js';
import type { Effect, Transaction } from '../contract/store.js';
import { Dialect } from '../notice/dialect.js';
import { parseStrictJson } from '../notice/strictJson.js';

const Options = Type.Object(
  {
    url: Type.String({
      pattern: '^https://[^\\s]+$',
      maxLength: 2000,
      expected: 'an address that begins with https://',
      description: 'The peer’s channel.',
      examples: ['https://operator.example:8443/t1/account'],
    }),
    ca: Type.Optional(
      Type.String({
        minLength: 1,
        description: `Who signs the peer’s certificate, PEM: \`\${file:operator-ca.crt}\`. Without it, those the system trusts.`,
      }),
    ),
    cert: Type.Optional(Type.String({ minLength: 1, description: 'Our certificate for mutual TLS, PEM.' })),
    key: Type.Optional(Type.String({ minLength: 1, secret: true, description: 'Its private key, PEM.' })),
    peer: Type.Optional(
      Type.String({
        peer: true,
        description: 'Whom the messages are for: its dialect, where it has one, holds for fields and answers.',
      }),
    ),
    timeoutMs: Type.Integer({
      default: 65_000,
      minimum: 10,
      maximum: 600_000,
      description: 'For one attempt, from connecting to the end of the answer.',
    }),
    concurrency: Type.Integer({ default: 16, minimum: 1, maximum: 500, description: 'Messages under way at once.' }),
    ratePerSecondMax: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 100_000,
        description: 'Messages in any second, repeated ones included (7.3: 500 for commands).',
      }),
    ),
    keepAlive: Type.Boolean({
      default: false,
      description: 'Keeps connections for further messages; the notice has short ones (4.2.2, 4.3.2.1).',
    }),
    answerBytesMax: Type.Integer({
      default: 65_536,
      minimum: 64,
      maximum: 1_048_576,
      description: 'A larger answer is not one of the notice.',
    }),
    retry: Type.Object(
      {
        attemptsMax: Type.Integer({
          default: 10_000,
          minimum: 1,
          maximum: 1_000_000_000,
          description: 'Attempts for one message; after the last the pipeline starts anew.',
        }),
        delayMsMin: Type.Integer({
          default: 200,
          minimum: 1,
          maximum: 60_000,
          description: 'First bound of the delay, which doubles.',
        }),
        delayMsMax: Type.Integer({
          default: 30_000,
          minimum: 1,
          maximum: 3_600_000,
          description: 'Last bound of the delay.',
        }),
      },
      { additionalProperties: false, default: {}, description: 'How a message is sent again that was not answered.' },
    ),
  },
  { additionalProperties: false },
);
type Options = Static<typeof Options>;

export const spec = defineSink({
  name: 'https',
  summary: 'Sends each message to a peer’s channel until the peer has answered for it.',
  description:
    '`OprRst: 1` means arrived. `OprRst: 2` is final: the item goes to the dead letters with its FailureCause. No answer, FailureCause 604 and HTTP 5xx are tried again, later and later, under the same RequestID, which the peer recognises. What operators want stored with a message (that its pictures are due) is stored before it is first sent. Takes one message at a time, put in order by `order` and signed by `sign`.',
  sections: ['4.3.2.1', '6.1.1', '6.1.2', '7.3'],
  takes: ['bytes'],
  options: Options,
  examples: [
    {
      title: 'A car maker’s accounts',
      yaml: `url: https://operator.example:8443/t1/account\nca: \${file:operator-ca.crt}`,
    },
    {
      title: 'Commands, never above the rate',
      yaml: 'url: https://maker.example/t1/command\nconcurrency: 64\nratePerSecondMax: 500',
    },
    { title: 'A gateway with a dialect of its own', yaml: 'url: https://gateway.example/account\npeer: gateway' },
  ],
  async create(options, context) {
    const { HttpsClient } = await import('../connections/httpsClient.js');
    const { SendRate } = await import('../connections/sendRate.js');
    const { concurrency, ratePerSecondMax, peer, ...rest } = options;
    const client = new HttpsClient({ ...rest, connections: concurrency });
    const rate = ratePerSecondMax === undefined ? undefined : new SendRate(ratePerSecondMax);
    const dialect = peer === undefined ? undefined : context.peers[peer]?.dialect;
    return new HttpsSink(options, context, { client, rate, dialect: dialect && new Dialect(dialect) });
  },
});

interface Means {
  client: HttpsClient;
  rate: SendRate | undefined;
  dialect: Dialect | undefined;
}

class HttpsSink implements Sink {
  readonly concurrency: number;
  readonly #options: Options;
  readonly #context: Context;
  readonly #client: HttpsClient;
  readonly #rate: SendRate | undefined;
  readonly #dialect: Dialect | undefined;
  readonly #stop = new AbortController();
  #attempts = 0;

  constructor(options: Options, context: Context, { client, rate, dialect }: Means) {
    this.#options = options;
    this.#context = context;
    this.#client = client;
    this.#rate = rate;
    this.#dialect = dialect;
    this.concurrency = options.concurrency;
    setMaxListeners(0, this.#stop.signal); // each message that waits for its next attempt listens
  }

  get steps(): number {
    return this.#attempts;
  }

  async write(item: Item): Promise<void> {
    const { signal } = this.#stop;
    const body = this.#inDialect(await oneMessage(item.value as Lines));
    const later: Effect[] = [];
    const due: string[] = [];
    if (item.effects.length > 0) await this.#context.store.commit([beforehand(item.effects, later, due)]);
    for (let attempt = 1; ; attempt += 1) {
      try {
        await this.#attempt(body, item.tags.requestId ?? '', signal);
        break;
      } catch (thrown) {
        if (signal.aborted) throw stopped(thrown);
        const error = IovError.from(thrown, this.#options.url);
        if (error.code === 'REFUSED_BY_PEER') await this.#noteRefusal(due, error);
        if (!error.retryable || attempt >= this.#options.retry.attemptsMax) throw error;
        this.#tell(item, error, attempt);
        await backOff(attempt, this.#options.retry, signal);
        if (signal.aborted) throw stopped(error);
      }
    }
    if (later.length > 0) await this.#context.store.commit(later);
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#client.close();
  }

  async #attempt(body: Uint8Array, requestId: string, signal: AbortSignal): Promise<void> {
    this.#attempts += 1;
    const post = () => this.#client.post(body);
    const reply = await (this.#rate ? this.#rate.run(post, signal) : post());
    const refusal = judgeReply(reply, requestId, this.#options.url, this.#dialect);
    if (refusal) throw refusal;
  }

  /** What was expected of this message will not come; another peer may have been sent one of the same RequestID. */
  async #noteRefusal(due: readonly string[], { message }: IovError): Promise<void> {
    const { store } = this.#context;
    const isOpen = (name: string) => store.dueFile(name)?.state === 'open'; // others may have asked for it as well
    if (due.length === 0) return;
    await store.commit([
      (transaction) => {
        for (const name of due) if (isOpen(name)) transaction.dueFileFailed(name, message, true);
      },
    ]);
  }

  #inDialect(message: Uint8Array): Uint8Array {
    if (!this.#dialect) return message;
    return Buffer.from(JSON.stringify(this.#dialect.messageToPeer(parseStrictJson(message))));
  }

  /** The first failure of a message is told, then each time the number of attempts doubles. */
  #tell({ tags }: Item, { code, message }: IovError, attempt: number): void {
    if ((attempt & (attempt - 1)) !== 0) return;
    const { pipeline, place, log } = this.#context;
    log.warn(
      { pipeline, place, requestId: tags.requestId, code, attempt, reason: message },
      'not answered, will be sent again',
    );
  }
}

/**
 * The effects but for those that note how far a source has come (a line of a file, a dead letter): these are for when the peer
 * has answered, for a crash before that must send the message again.
 * @param due takes the names of the files that the effects make due
 */
function beforehand(effects: readonly Effect[], later: Effect[], due: string[]): Effect {
  return (transaction) => {
    const early: Transaction = {
      ...transaction,
      afterwards: (effect) => void later.push(effect),
      deadLetterRetried: (id) => void later.push((last) => last.deadLetterRetried(id)),
      addDueFile: (file) => {
        due.push(file.name);
        transaction.addDueFile(file);
      },
    };
    for (const effect of effects) effect(early);
  };
}

async function oneMessage(lines: Lines): Promise<Uint8Array> {
  for await (const bytes of lines.read(0, 1)) return bytes;
  throw new IovError('INTERNAL', 'expected one message, got an empty block', { retryable: false });
}

function stopped(cause: unknown): IovError {
  return new IovError('STOPPED', 'stopped before the peer had answered', { cause });
}
