import { EventEmitter } from 'node:events';
import type { JsonObject } from '../../contract/tags.js';
import { createCipher } from '../../crypto/cipher.js';
import type { Generator } from '../../demo/generator.js';
import type { Sent } from '../../demo/inbox.js';
import { signNature } from '../../notice/signature.js';
import { post } from './httpsChannel.js';
import type { OperatorSite } from './operatorSite.js';

interface Message {
  url: string;
  sent: Sent;
  /** The body as it goes out this time: an account message is encrypted anew for each attempt, a vehicle message is not. */
  body(): string;
}

/**
 * A car maker's platform: so many callers at once, each message over a connection of its own, sent again under the same
 * RequestID until it is answered with success. Events: `answer` at each success, `refusal` at each 604.
 */
export class CarMaker extends EventEmitter<{ answer: [Sent]; refusal: [string] }> {
  readonly answered: Sent[] = [];
  /** Answers that are neither success nor "come again". */
  readonly wrong: string[] = [];
  broken = 0;
  refused = 0;
  readonly #site: OperatorSite;
  readonly #made: Generator;
  readonly #auth: JsonObject;
  #next = 0;
  #givenUp = false;
  #last = Number.POSITIVE_INFINITY;
  #up: Promise<unknown> = Promise.resolve();

  constructor(site: OperatorSite, made: Generator) {
    super();
    this.#site = site;
    this.#made = made;
    const { platformId, password } = site.maker;
    this.#auth = { PlatformID: platformId, SignNature: signNature(platformId, password) };
  }

  /** Cars that have been begun: each gives an account and a vehicle message. */
  get cars(): number {
    return Math.ceil(this.#next / 2);
  }

  /** What the operator now has to deliver: accounts by ICCID, vehicles by RequestID. */
  delivered(): { accounts: string[]; vehicles: string[] } {
    const of = (kind: Sent['kind']) => this.answered.filter((sent) => sent.kind === kind);
    return {
      accounts: of('account').map(({ detail }) => String(detail.ICCID)),
      vehicles: of('vehicle').map(({ requestId }) => requestId),
    };
  }

  /** A caller whose connection broke tries again when this resolves. */
  wait(up: Promise<unknown>): void {
    this.#up = up;
    up.catch(() => undefined);
  }

  /** Begins no other car after these; what is on its way is brought to its end. */
  stopAfter(cars = this.cars): void {
    this.#last = 2 * cars;
  }

  /** What has not been answered by now is not sent again. */
  giveUp(): void {
    this.stopAfter();
    this.#givenUp = true;
  }

  /** Sends until told to stop. */
  async send(callers: number): Promise<void> {
    const call = async () => {
      while (this.#next < this.#last) {
        this.#next += 1;
        await this.#untilAnswered(this.#message(this.#next - 1));
      }
    };
    await Promise.all(Array.from({ length: callers }, call));
  }

  async #untilAnswered(message: Message): Promise<void> {
    while (!this.#givenUp) {
      const up = this.#up;
      const heard = await post(message.url, this.#site.ca, message.body()).catch(() => undefined);
      if (heard?.body.OprRst === '1') {
        this.answered.push(message.sent);
        this.emit('answer', message.sent);
        return;
      }
      if (!heard) this.broken += 1;
      else if (heard.body.FailureCause === '604') {
        this.refused += 1;
        this.emit('refusal', message.sent.requestId);
      } else {
        this.wrong.push(`${message.sent.requestId}: ${JSON.stringify(heard.body)}`);
        return;
      }
      // what broke under the daemon that was up then waits for the next one; one that is killed before it is up is no answer
      if (up === this.#up) await up.catch(() => undefined);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  #message(number: number): Message {
    const index = Math.floor(number / 2);
    const cipher = createCipher(this.#site.maker.cipher!);
    if (number % 2 === 0) {
      const { requestId, code, operType, detail } = this.#made.registration(index);
      const head = { OperType: operType, Auth: this.#auth, RequestID: requestId, Code: code };
      const text = JSON.stringify(detail);
      const body = () => JSON.stringify({ ...head, EncryptUserInfo: cipher.encryptText(text) });
      return { url: this.#site.url.account, sent: { kind: 'account', requestId, detail }, body };
    }
    const { requestId, code, detail } = this.#made.vehicle(index);
    const text = cipher.encryptText(JSON.stringify(detail));
    const body = JSON.stringify({ Auth: this.#auth, RequestID: requestId, Code: code, EncryptCarInfo: text });
    return { url: this.#site.url.vehicle, sent: { kind: 'vehicle', requestId, detail }, body: () => body };
  }
}
