import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock, Log, Observer } from '../contract/context.js';
import { IovError } from '../contract/error.js';
import { ControlServer } from '../dashboard/server.js';
import { loadAndCheck } from '../engine/check.js';
import type { CheckedConfig } from '../engine/config.js';
import { Engine } from '../engine/engine.js';
import { formatFault } from '../engine/fault.js';
import { type Agreed, agree, OPERATOR_CODE } from './agreed.js';
import { relocate } from './relocate.js';
import { endpoints, maker, operator, type RoleSite, regulator } from './roles.js';
import { writeSite } from './site.js';

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
  /** Where its page is: another free port of loopback each time. */
  page: string;
  /** Resolves when the role has stopped; rejects when it broke. */
  ended: Promise<void>;
  stop(): Promise<void>;
}

const LOOPBACK = '127.0.0.1';
const ROLES = { regulator, operator, maker };

/**
 * The three roles of the notice on loopback, each in a folder of its own with keys made for it, running the shipped
 * pipeline files. Only addresses, and the size at which files are cut, differ from what is shipped.
 */
export class World {
  readonly agreed: Agreed;
  readonly #options: WorldOptions;
  readonly #roles: Role[] = [];

  static async create(options: WorldOptions): Promise<World> {
    return new World(options, await agree(options));
  }

  private constructor(options: WorldOptions, agreed: Agreed) {
    this.#options = options;
    this.agreed = agreed;
  }

  get inbox(): string {
    return join(this.agreed.folder, 'regulator', 'inbox');
  }

  /** Starts a role; resolves when its listeners are up. The files its pipelines read stand in its folder already. */
  start(name: keyof typeof ROLES, observer: Observer): Promise<Role> {
    return this.#start(ROLES[name](this.agreed), observer);
  }

  /** Live endpoints for `curl`, `sftp` and scripts. */
  writeDemoJson(): void {
    const text = JSON.stringify(endpoints(this.agreed, OPERATOR_CODE), undefined, 2);
    writeFileSync(join(this.agreed.folder, 'demo.json'), `${text}\n`, { mode: 0o600 });
  }

  /** Stops every role, the last started first. */
  async stop(): Promise<void> {
    for (const role of this.#roles.splice(0).reverse()) await role.stop();
  }

  async #start({ site, changes }: RoleSite, observer: Observer): Promise<Role> {
    mkdirSync(site.folder, { recursive: true });
    const relocated = relocate(await checked(writeSite(site)), changes);
    const config = { ...relocated, dashboard: { host: LOOPBACK, port: 0 } };
    const { clock, log } = this.#options;
    const engine = await Engine.open(config, { clock, log, observer });
    const control = await ControlServer.open({ engine, clock, log });
    const stopping = new AbortController();
    let ready: () => void = () => undefined;
    const isReady = new Promise<void>((resolve) => {
      ready = resolve;
    });
    const ended = engine.serve(stopping.signal, ready);
    const stop = async () => {
      stopping.abort();
      await ended.catch(() => undefined);
      await control.close();
      await engine.close();
    };
    const role = { engine, page: `http://${LOOPBACK}:${control.port}/`, ended, stop };
    this.#roles.push(role);
    await Promise.race([isReady, ended]);
    return role;
  }
}

async function checked(path: string): Promise<CheckedConfig> {
  const { config, faults } = await loadAndCheck(path);
  if (!config) throw new IovError('CONFIG_INVALID', faults.map(formatFault).join('\n'));
  return config;
}
