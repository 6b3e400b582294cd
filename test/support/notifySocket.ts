import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Test } from 'tap';
import { within } from './within.js';

/** Binds the socket, says so, then prints each datagram as JSON, and `null` after each second of silence. */
const LISTENER = `
import json, socket, sys
address = sys.argv[1]
listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
listener.bind('\\0' + address[1:] if address[0] == '@' else address)
listener.settimeout(1)
print('"listening"', flush=True)
while True:
    try:
        print(json.dumps(listener.recv(65536).decode()), flush=True)
    except socket.timeout:
        print('null', flush=True)
`;
const NEEDED = ['/usr/bin/python3', '/usr/bin/systemd-notify'];
const HEARD_MS = 120_000;

/** What a test must be skipped for, by name; under CI it must run. */
export function skipWithoutNotify(t: Test): false | string {
  const missing = NEEDED.filter((path) => !existsSync(path));
  if (missing.length === 0) return false;
  if (process.env.CI) t.fail(`under CI this must run: no ${missing.join(', ')}`);
  return `no ${missing.join(', ')}`;
}

/** A service manager's end of sd_notify: a real datagram socket, at a path or an abstract name (`@…`). */
export class NotifySocket {
  readonly address: string;
  /** One entry a datagram, without those that only ask whether everything was heard. */
  readonly heard: string[] = [];
  readonly #child: ChildProcess;
  readonly #listeners = new Set<(said: string | null) => void>();

  /** @param address by default a path of its own, short enough for a socket */
  static async open(t: Test, address?: string): Promise<NotifySocket> {
    const folder = mkdtempSync(join(tmpdir(), 'iovpipe-notify-'));
    t.teardown(() => rmSync(folder, { recursive: true }));
    return NotifySocket.#listen(t, address ?? join(folder, 'notify'));
  }

  static async #listen(t: Test, address: string): Promise<NotifySocket> {
    const socket = new NotifySocket(address);
    t.teardown(async () => {
      socket.#child.kill('SIGKILL');
      await once(socket.#child, 'close');
    });
    await socket.#next('the listener', (said) => said === 'listening');
    return socket;
  }

  private constructor(address: string) {
    this.address = address;
    this.#child = spawn('/usr/bin/python3', ['-c', LISTENER, address], { stdio: ['ignore', 'pipe', 'inherit'] });
    createInterface(this.#child.stdout!).on('line', (line) => {
      const said = JSON.parse(line) as string | null;
      if (said === 'BARRIER=1') return;
      if (said !== null && said !== 'listening') this.heard.push(said);
      for (const listener of [...this.#listeners]) listener(said);
    });
  }

  /** The first datagram of those heard since `from` or yet to come that holds all these lines. */
  async says(lines: readonly (string | RegExp)[], from = 0): Promise<string> {
    const isWanted = (said: string | null) => said !== null && lines.every((line) => holds(said, line));
    const before = this.heard.slice(from).find(isWanted);
    return before ?? ((await this.#next(lines.join(), isWanted)) as string);
  }

  /** Resolves after a second in which nothing was said. */
  async silence(): Promise<void> {
    await this.#next('silence', (said) => said === null);
  }

  #next(what: string, isWanted: (said: string | null) => boolean): Promise<string | null> {
    const heard = new Promise<string | null>((resolve) => {
      const listener = (said: string | null) => {
        if (!isWanted(said)) return;
        this.#listeners.delete(listener);
        resolve(said);
      };
      this.#listeners.add(listener);
    });
    return within(HEARD_MS, `${what}; heard: ${JSON.stringify(this.heard.slice(-5))}`, heard);
  }
}

function holds(said: string, wanted: string | RegExp): boolean {
  return said.split('\n').some((line) => (typeof wanted === 'string' ? line === wanted : wanted.test(line)));
}
