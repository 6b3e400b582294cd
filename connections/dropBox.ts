import { once } from 'node:events';
import { createServer, type Server as ListeningServer, type Socket } from 'node:net';
import type { Log } from '../contract/context.js';
import { IovError } from '../contract/error.js';
import { sameText } from '../crypto/sameText.js';
import type { Drop, DropFolder } from './dropFolder.js';
import { DropSession } from './dropSession.js';
import { type AuthContext, type Connection, loadSsh2, type ParsedKey, type Server } from './ssh2.js';

export interface DropLogin {
  username: string;
  /** One line as in `id_ed25519.pub`. */
  publicKey?: string;
  password?: string;
  folder: DropFolder;
}

export interface DropBoxOptions {
  host: string;
  port: number;
  hostKey: string;
  logins: readonly DropLogin[];
  connectionsPerLogin: number;
  connectionsMax: number;
  openHandlesMax: number;
  loginTimeoutMs: number;
  idleTimeoutMs: number;
  authAttempts: number;
  log: Log;
  hasRoom(): boolean;
  onDrop(drop: Drop): void;
}

/** Bytes of one connection that may wait for the disk before its socket is paused. */
const PENDING_BYTES_MAX = 4 * 1024 * 1024;
const METHODS: ('publickey' | 'password')[] = ['publickey', 'password'];
/** Our own event on a socket. */
const LOGGED_IN = 'iovpipe:loggedIn';
/** How long a goodbye may take before the socket is torn down. */
const GOODBYE_MS = 2_000;

type Info = { ip: string; port: number };

/** An SFTP server that takes files and gives nothing out: each login sees its own folder alone. */
export class DropBox {
  /** Connections refused because their login had as many as it may. */
  refused = 0;
  readonly #options: DropBoxOptions;
  /** By remote address and port, which is how ssh2 names its clients. */
  readonly #sockets = new Map<string, Socket>();
  readonly #connections = new Map<string, number>();
  readonly #keys = new Map<string, ParsedKey>();
  #listener: ListeningServer | undefined;

  constructor(options: DropBoxOptions) {
    this.#options = options;
  }

  /** The port that it listens on; the one that was given until it does. */
  get port(): number {
    const address = this.#listener?.address();
    return typeof address === 'object' && address ? address.port : this.#options.port;
  }

  /** @throws IovError CONFIG_INVALID where the host key or a login's key cannot be read */
  async listen(): Promise<void> {
    const { Server, utils } = await loadSsh2();
    for (const { username, publicKey } of this.#options.logins) {
      if (publicKey === undefined) continue;
      const key = utils.parseKey(publicKey);
      if (key instanceof Error)
        throw unreadable(`login ${username}: publicKey: expected a line as in id_ed25519.pub`, key);
      this.#keys.set(username, key);
    }
    const listener = createServer({ noDelay: true });
    listener.maxConnections = this.#options.connectionsMax;
    try {
      const ssh = new Server({ hostKeys: [this.#options.hostKey], ident: 'iovpipe' });
      ssh.on('connection', (client, info) => this.#greet(client, info));
      listener.on('connection', (socket) => this.#take(socket, ssh));
    } catch (cause) {
      throw unreadable('hostKey: expected a private key as ssh-keygen writes it', cause);
    }
    this.#listener = listener;
    listener.listen(this.#options.port, this.#options.host);
    await once(listener, 'listening');
  }

  /** New connections are refused; those that are open go on. */
  stopListening(): void {
    this.#listener?.close();
  }

  async close(): Promise<void> {
    this.stopListening();
    const sockets = [...this.#sockets.values()];
    const closed = sockets.map((socket) => once(socket, 'close'));
    for (const socket of sockets) socket.destroy();
    await Promise.all(closed);
  }

  /** We hold the socket ourselves, for ssh2 has no way to pause one or to tear one down. */
  #take(socket: Socket, ssh: Server): void {
    const key = `${socket.remoteAddress}:${socket.remotePort}`;
    const timer = setTimeout(() => socket.destroy(), this.#options.loginTimeoutMs);
    this.#sockets.set(key, socket);
    socket.once('close', () => {
      clearTimeout(timer);
      this.#sockets.delete(key);
    });
    socket.once(LOGGED_IN, () => clearTimeout(timer));
    ssh.injectSocket(socket);
  }

  #greet(client: Connection, info: Info): void {
    const socket = this.#sockets.get(`${info.ip}:${info.port}`);
    let attempts = 0;
    client.on('error', (error: Error) =>
      this.#options.log.debug({ from: info.ip, reason: error.message }, 'a drop box connection broke'),
    );
    if (!socket) return void client.end();
    client.on('authentication', (context) => {
      const login = this.#login(context);
      const methods = this.#options.logins.some(({ password }) => password !== undefined)
        ? METHODS
        : METHODS.slice(0, 1);
      if (!login) {
        if (context.method !== 'none') attempts += 1;
        if (attempts < this.#options.authAttempts) return context.reject(methods);
        this.#options.log.warn({ from: info.ip }, 'too many failed logins at the drop box');
        return goodbye(client, socket);
      }
      if (context.method === 'publickey' && !context.signature) return context.accept(); // only asks whether that key would do
      if (!this.#enter(login, socket)) return goodbye(client, socket);
      context.accept();
      this.#welcome(client, socket, login);
    });
  }

  /** The login whose key or password this is; takes as long for one that does not exist. */
  #login(context: AuthContext): DropLogin | undefined {
    const login = this.#options.logins.find(({ username }) => username === context.username);
    if (context.method === 'password') {
      const matches = sameText(context.password, login?.password ?? '');
      return matches && login?.password !== undefined ? login : undefined;
    }
    const key = this.#keys.get(context.username);
    if (context.method !== 'publickey' || !key || !key.getPublicSSH().equals(context.key.data)) return undefined;
    const { blob, signature, hashAlgo } = context;
    if (signature && (!blob || key.verify(blob, signature, hashAlgo) !== true)) return undefined;
    return login;
  }

  /** Counts the connection for its login until the socket has closed; false where it is one too many (notice 7.3). */
  #enter({ username }: DropLogin, socket: Socket): boolean {
    const count = this.#connections.get(username) ?? 0;
    if (count >= this.#options.connectionsPerLogin) {
      this.refused += 1;
      this.#options.log.warn(
        { username, connections: count },
        'a login has as many connections as it may; another was refused',
      );
      return false;
    }
    this.#connections.set(username, count + 1);
    socket.once('close', () => this.#connections.set(username, (this.#connections.get(username) ?? 1) - 1));
    return true;
  }

  /** One SFTP channel a connection, closed when it has been idle too long. */
  #welcome(client: Connection, socket: Socket, login: DropLogin): void {
    const { log, openHandlesMax, idleTimeoutMs, hasRoom, onDrop } = this.#options;
    socket.emit(LOGGED_IN);
    const idle = setTimeout(() => goodbye(client, socket), idleTimeoutMs);
    let pending = 0;
    let busy = false;
    socket.once('close', () => clearTimeout(idle));
    client.on('session', (accept, reject) => {
      if (busy) return reject();
      busy = true;
      accept().on('sftp', (acceptSftp) => {
        const sftp = acceptSftp();
        const session = new DropSession(sftp, login.folder, {
          openHandlesMax,
          hasRoom,
          onDrop,
          onRequest: () => idle.refresh(),
          onPending: (bytes) => {
            pending += bytes;
            if (pending > PENDING_BYTES_MAX) socket.pause();
            else if (socket.isPaused()) socket.resume();
          },
          onFault: (error) =>
            log.error({ username: login.username, reason: error.message }, 'the drop box cannot write'),
        });
        sftp.on('end', () => sftp.end()); // the sender has said all; OpenSSH waits for our close
        const over = () => {
          socket.off('close', over); // one that lasts has any number of channels, one after the other
          busy = false;
          void session.close();
        };
        sftp.once('close', over);
        socket.once('close', over);
      });
    });
  }
}

/** Says goodbye, and does not wait long for the answer. */
function goodbye(client: Connection, socket: Socket): void {
  client.end();
  const timer = setTimeout(() => socket.destroy(), GOODBYE_MS);
  socket.once('close', () => clearTimeout(timer));
}

function unreadable(expected: string, cause: unknown): IovError {
  return new IovError('CONFIG_INVALID', `${expected}: ${IovError.from(cause).message}`, { cause });
}
