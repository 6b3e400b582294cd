import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { HttpsListener } from '../connections/httpsListener.js';
import type { Clock, Log, Observer } from '../contract/context.js';
import { IovError } from '../contract/error.js';
import type { Peer } from '../contract/peer.js';
import { loadAndCheck } from '../engine/check.js';
import type { CheckedConfig } from '../engine/config.js';
import { Engine } from '../engine/engine.js';
import { formatFault } from '../engine/fault.js';
import { type Certificates, makeCertificates } from './certificates.js';
import { type Changes, relocate } from './relocate.js';
import { freePort, newCipher, newPassword, type Site, writeSite } from './site.js';
import { newSshKeys, type SshKeys } from './sshKeys.js';

const SHIPPED = fileURLToPath(new URL('../../', import.meta.url));
export const OPERATOR_CODE = '0002';

export interface WorldOptions {
  /** Absolute; emptied by whoever calls. */
  folder: string;
  /** Codes of the car makers, for which one sender speaks. */
  makers: readonly string[];
  bytesMax: number;
  clock: Clock;
  log: Log;
}

export interface Role {
  engine: Engine;
  /** Resolves when the role has stopped; rejects when it broke. */
  ended: Promise<void>;
  stop(): Promise<void>;
}

interface Keys {
  host: SshKeys;
  client: SshKeys;
}

/**
 * The three roles of the notice on loopback, each in a folder of its own with keys made for it, running the shipped
 * pipeline files. Only addresses, and the size at which files are cut, differ from what is shipped.
 */
export class World {
  readonly #options: WorldOptions;
  readonly #t1: Peer;
  readonly #t2: Peer;
  readonly #roles: Role[] = [];
  readonly #keys: Keys;
  readonly #tls: Certificates;
  #sftpPort = 0;
  #httpsPort = 0;

  static async create(options: WorldOptions): Promise<World> {
    const keys = { host: await newSshKeys(), client: await newSshKeys() };
    return new World(options, keys, await makeCertificates());
  }

  private constructor(options: WorldOptions, keys: Keys, tls: Certificates) {
    this.#options = options;
    this.#keys = keys;
    this.#tls = tls;
    this.#t1 = {
      platformId: 'OEM-PLATFORM-01',
      password: newPassword(),
      codes: [...options.makers],
      cipher: newCipher(),
    };
    this.#t2 = { platformId: 'MIIT-PLATFORM', password: newPassword(), codes: [], cipher: newCipher() };
  }

  get inbox(): string {
    return join(this.#options.folder, 'regulator', 'inbox');
  }

  get t1Cipher() {
    return this.#t1.cipher!;
  }

  get t2Cipher() {
    return this.#t2.cipher!;
  }

  /** The regulator's SFTP drop box, and the check of what it takes in. */
  async startRegulator(observer: Observer): Promise<Role> {
    this.#sftpPort = await freePort();
    const login = { username: 'operator', publicKey: this.#keys.client.publicKey.trim(), directory: '.' };
    const site: Site = {
      folder: join(this.#options.folder, 'regulator'),
      pipeline: readFileSync(join(SHIPPED, 'pipelines/regulator.yaml'), 'utf8'),
      peers: { operator: this.#t2 },
      secrets: { 'host.key': this.#keys.host.privateKey },
      files: { 'logins.yaml': JSON.stringify([login]) },
    };
    return this.#start(site, { components: { sftpServer: { listen: `127.0.0.1:${this.#sftpPort}` } } }, observer);
  }

  /** The operator: T1 listener, archive, exports. `cards` is its own card data, one JSON object a line. */
  async startOperator(cards: string, observer: Observer): Promise<Role> {
    const site: Site = {
      folder: join(this.#options.folder, 'operator'),
      pipeline: readFileSync(join(SHIPPED, 'pipeline.yaml'), 'utf8'),
      peers: { oem: this.#t1, regulator: this.#t2 },
      secrets: { 't1.key': this.#tls.key, 'sftp.key': this.#keys.client.privateKey },
      files: { 't1.crt': this.#tls.cert, 'cards.ndjson': cards },
    };
    const regulator = {
      host: '127.0.0.1',
      port: this.#sftpPort,
      username: 'operator',
      hostKey: this.#keys.host.fingerprint,
    };
    const role = await this.#start(
      site,
      {
        connections: { t1: { listen: '127.0.0.1:0' }, regulator },
        components: { split: { bytesMax: this.#options.bytesMax } },
        sinks: Object.fromEntries(EXPORTS.map((name) => [name, { directory: '/' }])),
      },
      observer,
    );
    this.#httpsPort = role.engine.connection<HttpsListener>('t1').port;
    return role;
  }

  /** The car maker: sends what its files hold, and is done. */
  async startMaker(files: { registrations: string; vehicles: string }, observer: Observer): Promise<Role> {
    const site: Site = {
      folder: join(this.#options.folder, 'oem'),
      pipeline: readFileSync(join(SHIPPED, 'pipelines/oem.yaml'), 'utf8'),
      peers: { operator: this.#t1 },
      secrets: {},
      files: { 'ca.crt': this.#tls.ca, 'registrations.ndjson': files.registrations, 'vehicles.ndjson': files.vehicles },
    };
    const url = `https://127.0.0.1:${this.#httpsPort}/t1`;
    const sinks = { 'accounts-out': { url: `${url}/account` }, 'vehicles-out': { url: `${url}/vehicle` } };
    return this.#start(site, { sinks }, observer);
  }

  /** Live endpoints for `curl`, `sftp` and scripts. */
  writeDemoJson(): void {
    const { folder } = this.#options;
    const url = `https://127.0.0.1:${this.#httpsPort}`;
    const ca = join(folder, 'oem', 'ca.crt');
    const { platformId, password, codes } = this.#t1;
    const demo = {
      t1: {
        account: `${url}/t1/account`,
        vehicle: `${url}/t1/vehicle`,
        ca,
        platformId,
        password,
        code: codes[0],
        cipher: this.#t1.cipher,
      },
      t2: {
        platformId: this.#t2.platformId,
        password: this.#t2.password,
        operatorId: OPERATOR_CODE,
        cipher: { name: this.#t2.cipher!.name, key: this.#t2.cipher!.key, iv: this.#t2.cipher!.iv },
        sftp: {
          host: '127.0.0.1',
          port: this.#sftpPort,
          username: 'operator',
          privateKey: join(folder, 'operator', 'secrets', 'sftp.key'),
          directory: '/',
        },
      },
    };
    writeFileSync(join(folder, 'demo.json'), `${JSON.stringify(demo, undefined, 2)}\n`, { mode: 0o600 });
  }

  /** Stops every role, the last started first. */
  async stop(): Promise<void> {
    for (const role of this.#roles.splice(0).reverse()) await role.stop();
  }

  async #start(
    site: Site,
    changes: { connections?: Changes; components?: Changes; sinks?: Changes },
    observer: Observer,
  ): Promise<Role> {
    mkdirSync(site.folder, { recursive: true });
    const config = relocate(await shipped(writeSite(site)), changes);
    const { clock, log } = this.#options;
    const engine = await Engine.open(config, { clock, log, observer });
    const stopping = new AbortController();
    let ready: () => void = () => undefined;
    const isReady = new Promise<void>((resolve) => {
      ready = resolve;
    });
    const ended = engine.serve(stopping.signal, ready);
    const stop = async () => {
      stopping.abort();
      await ended.catch(() => undefined);
      await engine.close();
    };
    this.#roles.push({ engine, ended, stop });
    await Promise.race([isReady, ended]);
    return { engine, ended, stop };
  }
}

/** The operator's pipelines that deliver a window. */
export const EXPORTS = ['accounts-daily', 'accounts-monthly', 'vehicles-daily', 'vehicles-monthly'] as const;

async function shipped(path: string): Promise<CheckedConfig> {
  const { config, faults } = await loadAndCheck(path);
  if (!config) throw new IovError('CONFIG_INVALID', faults.map(formatFault).join('\n'));
  return config;
}
