import type { Exchange } from '../connections/httpsExchange.js';
import type { HttpsListener } from '../connections/httpsListener.js';
import { defineSource, type Source } from '../contract/component.js';
import type { Context } from '../contract/context.js';
import { IovError } from '../contract/error.js';
import type { Item } from '../contract/item.js';
import { Receipt } from '../contract/receipt.js';
import { type Static, Type } from '../contract/schema.js';
import type { JsonObject } from '../contract/tags.js';
import { Dialect, dialectFinder } from '../notice/dialect.js';

const Options = Type.Object(
  {
    on: Type.String({ connection: 'https', description: 'The listener, under `connections:`.' }),
    path: Type.String({
      pattern: '^/[A-Za-z0-9/._~-]{0,255}$',
      expected: 'a path that begins with /',
      description: 'Path of the channel.',
    }),
    request: Type.Union([Type.Literal(1), Type.Literal(5), Type.Literal(7), Type.Literal(10)], {
      description: 'The table of the messages: 1 and 5 commands, 7 accounts, 10 vehicles. The answer is table 3 or 9.',
    }),
    peer: Type.Optional(
      Type.String({
        peer: true,
        description:
          'The one peer that calls on this path: its dialect holds for every answer, also to what cannot be read. Otherwise the PlatformID of each message tells.',
      }),
    ),
    bodyBytesMax: Type.Integer({
      default: 1_048_576,
      minimum: 1,
      maximum: 104_857_600,
      description: 'A larger body is refused.',
    }),
    inFlightMax: Type.Integer({
      default: 512,
      minimum: 1,
      maximum: 65_536,
      description:
        'Messages read and not yet answered. Beyond it bodies are left in the socket, which holds the callers back.',
    }),
    inFlightBytesMax: Type.Integer({
      default: 67_108_864,
      minimum: 1,
      maximum: 1_073_741_824,
      description: 'Bytes of bodies read and not yet answered; one message is always let through.',
    }),
    waitingMax: Type.Integer({
      default: 4096,
      minimum: 1,
      maximum: 65_536,
      description: 'Callers whose body has not been read yet; one more is told 604 at once.',
    }),
    explain: Type.Boolean({
      default: false,
      description: 'Appends the reason to the code in FailureCause, for a peer that integrates.',
    }),
  },
  { additionalProperties: false },
);
type Options = Static<typeof Options>;

export const spec = defineSource({
  name: 'https',
  summary: 'Takes the POSTs of a channel, one JSON message each, and answers when the message is durable.',
  description:
    'An answer `OprRst: 1` means that the item has arrived at the sink; a failed item gives 2 and its FailureCause. A body that is not one JSON object, or breaks its table, is answered 400 and goes no further. A peer with a dialect is understood, and answered, in it. Once stopped, a path answers 604, and what is under way is finished.',
  sections: ['5.1.2', '5.2.2', '6.1.1', '6.1.2'],
  gives: 'message',
  failuresGoTo: 'peer',
  lasts: 'run',
  options: Options,
  examples: [
    { title: 'The account channel of T1', yaml: 'on: t1\npath: /t1/account\nrequest: 7' },
    {
      title: 'Reasons told while a car maker integrates',
      yaml: 'on: t1\npath: /t1/vehicle\nrequest: 10\nexplain: true',
    },
  ],
  async create(options, context) {
    const spoken = options.peer === undefined ? undefined : context.peers[options.peer]?.dialect;
    const dialect = spoken && new Dialect(spoken);
    return new HttpsSource(options, context, { parse: await messageReader(options, context), dialect });
  },
});

type ParseMessage = (body: Uint8Array, exchange: Exchange) => JsonObject;

/** Bodies as messages of their table: strict JSON first, then the fields that the notice demands. */
async function messageReader({ request, peer }: Options, { site, peers }: Context): Promise<ParseMessage> {
  const { parseStrictJson } = await import('../notice/strictJson.js');
  const { compileMessageCheck } = await import('../notice/message.js');
  const check = compileMessageCheck(request, site.tables);
  const findDialect = peer === undefined ? dialectFinder(peers) : undefined;
  return (body, exchange) => {
    const came = parseStrictJson(body);
    if (findDialect) exchange.dialect = findDialect(came);
    const message = exchange.dialect ? exchange.dialect.messageFromPeer(came) : came;
    if (typeof message.RequestID === 'string') exchange.requestId = message.RequestID;
    check(message);
    return message;
  };
}

class HttpsSource implements Source {
  readonly #options: Options;
  readonly #parse: ParseMessage;
  readonly #release: () => void;
  /** Callers whose body is still in the socket, in order. */
  readonly #waiting = new Set<Exchange>();
  /** Exchanges whose body has been asked for and that are not over. */
  readonly #taken = new Set<Exchange>();
  /** Messages read that nobody has pulled yet; they count as in flight. */
  #ready: Item[] = [];
  #inFlight = 0;
  #inFlightBytes = 0;
  #state: 'idle' | 'reading' | 'stopped' = 'idle';
  #wake: (() => void) | undefined;

  constructor(
    options: Options,
    context: Context,
    { parse, dialect }: { parse: ParseMessage; dialect?: Dialect | undefined },
  ) {
    this.#options = options;
    this.#parse = parse;
    const { path, bodyBytesMax, explain } = options;
    const listener = context.connection<HttpsListener>(options.on);
    this.#release = listener.route(path, { bodyBytesMax, explain, dialect, take: (exchange) => this.#take(exchange) });
  }

  async *read(signal: AbortSignal): AsyncGenerator<Item> {
    this.#state = 'reading';
    const stop = () => this.#stop();
    signal.addEventListener('abort', stop, { once: true });
    try {
      this.#admit();
      while (!signal.aborted && this.#state === 'reading') {
        const item = this.#ready.shift();
        if (item) yield item;
        else
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
      }
    } finally {
      signal.removeEventListener('abort', stop);
      this.#stop();
    }
  }

  /** What has not settled by now will not: its caller is told to come again. */
  async close(): Promise<void> {
    this.#stop();
    this.#release();
    for (const exchange of this.#taken) exchange.settle(stopped());
  }

  /** Nothing new is taken; what nobody has pulled yet goes back to its caller. */
  #stop(): void {
    this.#state = 'stopped';
    for (const exchange of this.#waiting) exchange.settle(stopped());
    for (const item of this.#ready.splice(0)) item.receipt.failed(stopped());
    this.#wake?.();
  }

  #take(exchange: Exchange): void {
    const { waitingMax } = this.#options;
    if (this.#state === 'stopped') {
      exchange.settle(stopped());
    } else if (this.#waiting.size >= waitingMax) {
      exchange.settle(new IovError('OVERLOADED', `waitingMax ${waitingMax} callers are waiting already`));
    } else {
      this.#waiting.add(exchange);
      exchange.onOver = () => this.#waiting.delete(exchange);
      this.#admit();
    }
  }

  /** Reads bodies as long as there is room for one more. */
  #admit(): void {
    const { inFlightMax, inFlightBytesMax, bodyBytesMax } = this.#options;
    while (this.#state === 'reading' && this.#inFlight < inFlightMax) {
      const [exchange] = this.#waiting;
      if (!exchange) return;
      const bytes = Math.min(exchange.bodyBytes ?? bodyBytesMax, bodyBytesMax);
      if (this.#inFlight > 0 && this.#inFlightBytes + bytes > inFlightBytesMax) return;
      this.#waiting.delete(exchange);
      void this.#receive(exchange, bytes);
    }
  }

  async #receive(exchange: Exchange, bytes: number): Promise<void> {
    const { inFlightMax, inFlightBytesMax } = this.#options;
    this.#inFlight += 1;
    this.#inFlightBytes += bytes;
    this.#taken.add(exchange);
    exchange.onOver = () => this.#taken.delete(exchange);
    const receipt = new Receipt((error) => {
      exchange.settle(error);
      this.#inFlight -= 1;
      this.#inFlightBytes -= bytes;
      this.#admit();
    });
    try {
      const body = await exchange.body(() => this.#inFlight < inFlightMax && this.#inFlightBytes < inFlightBytesMax);
      const value = this.#parse(body, exchange);
      // a dead letter is sent again past this source, so it is kept in the words of the notice
      const raw = exchange.dialect ? Buffer.from(JSON.stringify(value)) : body;
      if (this.#state === 'stopped') throw stopped();
      const { traceparent } = exchange;
      this.#ready.push({
        value,
        tags: { requestId: exchange.requestId },
        origin: originOf(exchange),
        receipt,
        effects: [],
        raw,
        isAwaited: true,
        ...(traceparent !== undefined && { traceparent }),
      });
      this.#wake?.();
    } catch (thrown) {
      receipt.failed(IovError.from(thrown, 'reading a message'));
    }
  }
}

/** Dead letters are told apart by it, so it holds the RequestID where that is plain text of bounded length. */
function originOf({ address, path, requestId }: Exchange): string {
  return `${address} POST ${path}${/^[\x21-\x7e]{1,64}$/.test(requestId) ? ` ${requestId}` : ''}`;
}

function stopped(): IovError {
  return new IovError('STOPPED', 'the pipeline is stopping; send the message again under the same RequestID');
}
