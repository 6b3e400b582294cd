import { createHmac, randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { isLoopback } from '../connections/listenAddress.js';
import { sameText } from '../crypto/sameText.js';

const FAILURES_MAX = 10;
const FAILURES_FORGOTTEN_MS = 60_000;
/** Addresses whose failures are remembered; beyond them the oldest is forgotten. */
const ADDRESSES_MAX = 1_000;
const COOKIE = 'iovpipe';

/** Sent with every answer. Nothing of ours is framed, guessed at, or loaded from elsewhere. */
export const SAFE_HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'cache-control': 'no-store',
} as const;

export type Verdict = 'in' | 'unknown' | 'stranger';

/** Who may call over TCP. Whoever can open the Unix socket has been let in by its mode already. */
export class Gate {
  readonly #loopback: boolean;
  readonly #token: string | undefined;
  /** What a cookie holds instead of the token: good until the daemon ends. */
  readonly #session: string;
  /** When each address gave a wrong token. */
  readonly #failures = new Map<string, number[]>();

  constructor({ host, token }: { host: string; token?: string }) {
    this.#loopback = isLoopback(host);
    this.#token = token;
    this.#session = createHmac('sha256', randomBytes(32))
      .update(token ?? '')
      .digest('hex');
  }

  /**
   * `unknown`: the token is missing or wrong. `stranger`: a page of somebody else's speaks through its reader's browser, by a name
   * of its own that leads to us (DNS rebinding), or across origins.
   */
  judge(request: IncomingMessage): Verdict {
    const { host = '', origin, 'sec-fetch-site': site } = request.headers;
    // Without a loopback address there is a token, which no page of a stranger has: any name is good.
    if (this.#loopback && !isLoopback(nameOf(host))) return 'stranger';
    if (site === 'cross-site' && request.url?.startsWith('/api/')) return 'stranger';
    // A proxy may call us by another name than the browser does, which knows best where its page comes from.
    if (request.method !== 'GET' && request.method !== 'HEAD' && site !== 'same-origin') {
      if (origin !== undefined && origin !== `http://${host}` && origin !== `https://${host}`) return 'stranger';
      if (site !== undefined && site !== 'none') return 'stranger';
    }
    return this.#token === undefined || this.#isKnown(request, this.#token) ? 'in' : 'unknown';
  }

  /** @returns the cookie for a browser that has given the token; undefined where it is wrong */
  enter(request: IncomingMessage, token: string): string | undefined {
    if (this.#token === undefined || !this.#is(request, token, this.#token)) return undefined;
    return `${COOKIE}=${this.#session}; HttpOnly; SameSite=Strict; Path=/`;
  }

  /** Too many wrong tokens from this address: no more are noted for a minute. The right one is heard, for a proxy is one address for all. */
  tooMany(request: IncomingMessage): boolean {
    return this.#recent(request).length >= FAILURES_MAX;
  }

  #isKnown(request: IncomingMessage, token: string): boolean {
    const { headers } = request;
    const cookie = headers.cookie?.split('; ').find((one) => one.startsWith(`${COOKIE}=`));
    if (cookie !== undefined && sameText(cookie.slice(COOKIE.length + 1), this.#session)) return true;
    const bearer = /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1];
    return bearer !== undefined && this.#is(request, bearer, token);
  }

  #is(request: IncomingMessage, given: string, token: string): boolean {
    if (sameText(given, token)) return true;
    const recent = this.#recent(request);
    if (recent.length >= FAILURES_MAX) return false;
    const address = addressOf(request);
    this.#failures.delete(address); // the latest stands last
    this.#failures.set(address, [...recent, performance.now()]);
    const [oldest] = this.#failures.keys();
    if (this.#failures.size > ADDRESSES_MAX && oldest !== undefined) this.#failures.delete(oldest);
    return false;
  }

  #recent(request: IncomingMessage): number[] {
    const since = performance.now() - FAILURES_FORGOTTEN_MS;
    return (this.#failures.get(addressOf(request)) ?? []).filter((at) => at > since);
  }
}

const addressOf = ({ socket }: IncomingMessage): string => socket.remoteAddress ?? '';

/** `127.0.0.1:9464` → `127.0.0.1`; the port may be another one behind a tunnel. */
const nameOf = (host: string): string =>
  host
    .replace(/:\d+$/, '')
    .replace(/^\[|\]$/g, '')
    .toLowerCase();
