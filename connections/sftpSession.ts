import { constants } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { IovError } from '../contract/error.js';
import { connectionFailure, SftpStatusError, unless } from './sftpFailures.js';
import {
  type Attributes,
  algorithmOf,
  type Client,
  type FileEntry,
  fingerprintOf,
  loadSsh2,
  type SFTPWrapper,
} from './ssh2.js';

/** A server and how we log in to it. */
export interface SftpServer {
  host: string;
  port: number;
  username: string;
  privateKey?: string;
  password?: string;
  /** The fingerprint that the server must show, or `any`. */
  hostKey: string;
  connectTimeoutMs: number;
  operationTimeoutMs: number;
  keepaliveMs: number;
  /** Asked before each request: why nothing may be sent now. */
  lanes?: { refusal(): IovError | undefined };
}

type Done<Result> = (error?: (Error & { code?: unknown }) | null, result?: Result) => void;

/** What a server says of a file; times in whole seconds, as the protocol has them. */
export type RemoteStat = { size: number; mtimeMs: number };

/** One regular file of a directory. */
export type RemoteEntry = RemoteStat & { name: string };

const END_OF_FILE = 1;
const NO_SUCH_FILE = 2;
const OPERATION_UNSUPPORTED = 8;
/** How long a goodbye may take before the socket is torn down. */
const GOODBYE_MS = 2_000;

/**
 * One SSH connection with one SFTP channel. Whatever breaks it, be it an error, a close, or silence past the deadline,
 * fails everything that is pending, and the session is of no use any more. A status such as "no such file" breaks nothing.
 */
export class SftpSession {
  /** Settles when the socket has closed, so that the server counts one connection less. */
  readonly closed: Promise<void>;
  readonly #name: string;
  readonly #client: Client;
  readonly #socket: Socket;
  readonly #server: SftpServer;
  readonly #pending = new Map<(error: IovError) => void, string>();
  /** Fires when replies are due and none has come for `operationTimeoutMs`; every reply starts it anew. */
  #deadline: NodeJS.Timeout | undefined;
  #sftp: SFTPWrapper | undefined;
  #broken: IovError | undefined;

  private constructor(server: SftpServer, client: Client, socket: Socket) {
    this.#name = `sftp ${server.username}@${server.host}:${server.port}`;
    this.#server = server;
    this.#client = client;
    this.#socket = socket;
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()));
    client.on('error', (error: Error) => this.#break(connectionFailure(error, this.#name)));
    client.on('close', () => this.#break(connectionFailure(new Error('the server closed the connection'), this.#name)));
  }

  /** Connects, checks the host key, logs in and opens the SFTP channel, all within `connectTimeoutMs`. */
  static async open(server: SftpServer, signal: AbortSignal): Promise<SftpSession> {
    const { Client } = await loadSsh2();
    const refusal = server.lanes?.refusal();
    if (refusal) throw refusal;
    const socket = connect({ host: server.host, port: server.port, noDelay: true });
    const session = new SftpSession(server, new Client(), socket);
    const { connectTimeoutMs } = server;
    const timer = setTimeout(() => session.#break(session.#late('connecting', connectTimeoutMs)), connectTimeoutMs);
    const abort = () => session.#break(new IovError('STOPPED', `${session.#name}: stopped while connecting`));
    signal.addEventListener('abort', abort, { once: true });
    try {
      if (signal.aborted) abort();
      await session.#call<void>('connecting', (done) => session.#logIn(done));
      await session.#call<void>('opening the SFTP channel', (done) => session.#openChannel(done));
    } catch (error) {
      session.#break(IovError.from(error));
      await session.closed;
      throw error;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
    }
    session.#deadline = setTimeout(() => session.#overdue(), server.operationTimeoutMs).unref();
    return session;
  }

  get broken(): boolean {
    return this.#broken !== undefined;
  }

  /** Of a file or directory; undefined where there is none. */
  async stat(path: string): Promise<RemoteStat | undefined> {
    const asking = this.#call<Attributes>(`stat ${path}`, (done) => this.#channel.stat(path, done));
    const found = await unless(NO_SUCH_FILE, asking);
    return found && statOf(found);
  }

  async statHandle(handle: Buffer): Promise<RemoteStat> {
    return statOf(await this.#call<Attributes>('fstat', (done) => this.#channel.fstat(handle, done)));
  }

  openDirectory(path: string): Promise<Buffer> {
    return this.#call(`opendir ${path}`, (done) => this.#channel.opendir(path, done));
  }

  /** The next page of a directory, its regular files alone; undefined after the last. */
  async readDirectory(handle: Buffer): Promise<RemoteEntry[] | undefined> {
    const asking = this.#call<FileEntry[]>('readdir', (done) => this.#channel.readdir(handle, done));
    const files = (await unless(END_OF_FILE, asking))?.filter(({ attrs }) => isRegular(attrs));
    return files?.map(({ filename, attrs }) => ({ name: filename, ...statOf(attrs) }));
  }

  /** Undefined where there is no such file. */
  async openForReading(path: string): Promise<Buffer | undefined> {
    const { OPEN_MODE } = (await loadSsh2()).utils.sftp;
    const asking = this.#call<Buffer>(`open ${path}`, (done) => this.#channel.open(path, OPEN_MODE.READ, done));
    return unless(NO_SUCH_FILE, asking);
  }

  /** @returns how many bytes came, which may be fewer than asked for; 0 at the end */
  read(handle: Buffer, into: Buffer, length: number, position: number): Promise<number> {
    return this.#call('read', (done) => this.#channel.read(handle, into, 0, length, position, done));
  }

  /** One that is not there is removed already. */
  async remove(path: string): Promise<void> {
    const asking = this.#call<void>(`remove ${path}`, (done) => this.#channel.unlink(path, done));
    await unless(NO_SUCH_FILE, asking);
  }

  /** @param truncate whether what the file held is dropped, or stays until it is written over */
  async openForWriting(path: string, truncate: boolean): Promise<Buffer> {
    const { OPEN_MODE } = (await loadSsh2()).utils.sftp;
    const flags = OPEN_MODE.WRITE | OPEN_MODE.CREAT | (truncate ? OPEN_MODE.TRUNC : 0);
    return this.#call(`open ${path}`, (done) => this.#channel.open(path, flags, done));
  }

  /** The buffer may be used again once the promise has settled. */
  write(handle: Buffer, bytes: Buffer, length: number, position: number): Promise<void> {
    return this.#call('write', (done) => this.#channel.write(handle, bytes, 0, length, position, done));
  }

  /** Asks the server to bring the file to its disk, where it offers that (fsync@openssh.com). */
  async fsync(handle: Buffer): Promise<void> {
    await this.#extension('fsync', (done) => this.#channel.ext_openssh_fsync(handle, done));
  }

  closeHandle(handle: Buffer): Promise<void> {
    return this.#call('close', (done) => this.#channel.close(handle, done));
  }

  /** Replaces the target atomically where the server offers it (posix-rename@openssh.com); else fails on an existing one. */
  async rename(from: string, to: string): Promise<void> {
    const doing = `rename ${from} to ${to}`;
    if (await this.#extension(doing, (done) => this.#channel.ext_openssh_rename(from, to, done))) return;
    await this.#call(doing, (done) => this.#channel.rename(from, to, done));
  }

  /** Says goodbye and closes; what is pending fails with `reason`. */
  async end(reason = new IovError('STOPPED', `${this.#name}: the connection is being closed`)): Promise<void> {
    this.#fail(reason);
    this.#client.end();
    const timer = setTimeout(() => this.#socket.destroy(), GOODBYE_MS);
    await this.closed;
    clearTimeout(timer);
  }

  /** Closes at once; what is pending fails with `reason`. */
  drop(reason: IovError): void {
    this.#break(reason);
  }

  get #channel(): SFTPWrapper {
    if (!this.#sftp) throw new IovError('INTERNAL', `${this.#name}: the channel is not open yet`);
    return this.#sftp;
  }

  #logIn(done: Done<void>): void {
    const { host, port, username, privateKey, password, hostKey, keepaliveMs } = this.#server;
    this.#client.once('ready', () => done());
    this.#client.connect({
      sock: this.#socket,
      host,
      port,
      username,
      ...(privateKey === undefined ? {} : { privateKey }),
      ...(password === undefined ? {} : { password }),
      readyTimeout: 0, // our own deadline holds for the channel, too
      keepaliveInterval: keepaliveMs,
      hostVerifier: (key: Buffer) => hostKey === 'any' || this.#isExpected(key),
    });
  }

  #isExpected(key: Buffer): boolean {
    const shown = fingerprintOf(key);
    if (shown === this.#server.hostKey.replace(/=+$/, '')) return true;
    const { host, port, hostKey } = this.#server;
    const rule = `expected the host key ${hostKey}, got ${algorithmOf(key)} ${shown}`;
    const advice = `compare with \`ssh-keyscan -p ${port} ${host} | ssh-keygen -lf -\` and with what the server's owner tells you`;
    this.#break(new IovError('SFTP_REFUSED', `${this.#name}: ${rule}; ${advice}`));
    return false;
  }

  #openChannel(done: Done<void>): void {
    this.#client.sftp((error, sftp) => {
      if (error) return done(error);
      this.#sftp = sftp;
      const lost = () => this.#break(connectionFailure(new Error('the server closed the SFTP channel'), this.#name));
      sftp.on('error', (fault: Error) => this.#break(connectionFailure(fault, this.#name)));
      sftp.on('end', lost);
      sftp.on('close', lost);
      done();
    });
  }

  /** Whether the server offers the extension, and then carried it out; ssh2 throws at once where it does not. */
  async #extension(doing: string, start: (done: Done<void>) => void): Promise<boolean> {
    let offered = true;
    try {
      await this.#call<void>(doing, (done) => {
        try {
          start(done);
        } catch {
          offered = false;
          done();
        }
      });
    } catch (error) {
      if (!(error instanceof SftpStatusError && error.status === OPERATION_UNSUPPORTED)) throw error;
      offered = false;
    }
    return offered;
  }

  /** One request; settles with the reply, or with what broke the session. */
  #call<Result>(doing: string, start: (done: Done<Result>) => void): Promise<Result> {
    return new Promise<Result>((resolve, reject) => {
      const refusal = this.#server.lanes?.refusal();
      if (refusal) this.#break(refusal);
      if (this.#broken) return reject(this.#broken);
      if (this.#pending.size === 0) this.#deadline?.refresh();
      this.#pending.set(reject, doing);
      const done: Done<Result> = (error, result) => {
        if (!this.#pending.delete(reject)) return; // the session broke first
        this.#deadline?.refresh();
        if (!error) resolve(result as Result);
        else if (this.#sftp && typeof error.code === 'number') reject(this.#statusError(error.code, doing, error));
        else this.#break(connectionFailure(error, `${this.#name} ${doing}`), reject);
      };
      try {
        start(done);
      } catch (thrown) {
        done(thrown as Error);
      }
    });
  }

  #statusError(status: number, doing: string, error: Error): SftpStatusError {
    return new SftpStatusError(status, error.message, `${this.#name} ${doing}`, error);
  }

  #overdue(): void {
    const [oldest] = this.#pending.values();
    if (oldest !== undefined) this.#break(this.#late(oldest, this.#server.operationTimeoutMs));
  }

  #late(doing: string, timeoutMs: number): IovError {
    return new IovError('SFTP_TIMEOUT', `${this.#name} ${doing}: no reply within ${timeoutMs} ms`);
  }

  #break(error: IovError, reject?: (error: IovError) => void): void {
    this.#fail(error);
    reject?.(this.#broken ?? error);
    this.#socket.destroy();
  }

  #fail(error: IovError): void {
    this.#broken ??= error;
    clearTimeout(this.#deadline);
    const waiting = [...this.#pending.keys()];
    this.#pending.clear();
    for (const reject of waiting) reject(this.#broken);
  }
}

const isRegular = ({ mode }: Attributes) => (mode & constants.S_IFMT) === constants.S_IFREG;
const statOf = ({ size, mtime }: Attributes): RemoteStat => ({ size, mtimeMs: 1_000 * mtime });
