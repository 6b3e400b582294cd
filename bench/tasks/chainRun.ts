import { get } from 'node:http';
import type { IovError } from '../../contract/error.js';
import type { Item } from '../../contract/item.js';
import { Receipt } from '../../contract/receipt.js';
import { ControlServer } from '../../dashboard/server.js';
import { controlSocket } from '../../dashboard/socketPath.js';
import { systemClock } from '../../engine/clock.js';
import { Engine } from '../../engine/engine.js';
import { openLog } from '../../engine/log.js';
import { parseStrictJson } from '../../notice/strictJson.js';
import { accountBodies } from '../records.js';
import { benchConfig, type Server } from '../site.js';

/** As often as Prometheus is ever told to. */
const SCRAPE_MS = 5_000;

/**
 * T1 bodies in memory → authenticate → decrypt → validate → order → split → zip → encrypt → a real OpenSSH. With `watched`
 * somebody looks at everything that can be looked at; where it is false nothing is even counted.
 */
export async function run(args: { folder: string; server: Server; count: number; watched?: boolean }): Promise<object> {
  const config = await benchConfig(args.folder, args.server, pipeline(args));
  const engine = await Engine.open(config, {
    clock: systemClock,
    log: openLog({ level: 'warn' }),
    live: args.watched ?? true,
  });
  const watching = args.watched ? await watch(engine) : undefined;
  const bodies = accountBodies();
  let settled = 0;
  const settle = (error?: IovError) => {
    if (!error) settled += 1;
  };
  async function* read(): AsyncGenerator<Item> {
    for (let index = 0; index < args.count; index += 1) {
      const raw = bodies[index % bodies.length]!;
      const receipt = new Receipt(settle);
      yield { value: parseStrictJson(raw), tags: {}, origin: `body ${index}`, receipt, effects: [], raw };
    }
  }
  const started = performance.now();
  const cpu = process.cpuUsage();
  await engine.once('chain', { source: { read } });
  const seconds = (performance.now() - started) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  await watching?.close();
  const window = engine.store.status().windows[0];
  await engine.close();
  if (settled !== args.count) throw new Error(`${settled} of ${args.count} arrived`);
  return {
    seconds,
    cpuSeconds: (user + system) / 1e6,
    files: window?.filesDelivered ?? 0,
    records: window?.recordsTotal ?? 0,
  };
}

/** The counters and a tap as streams, and a scrape every few seconds; what is loaded at the first one is there when it returns. */
async function watch(engine: Engine): Promise<{ close(): Promise<void> }> {
  const control = await ControlServer.open({ engine, clock: systemClock, log: openLog({ level: 'warn' }) });
  const look = (path: string) =>
    new Promise<void>((begun) => {
      const asked = get({ socketPath: controlSocket(engine.config.archivePath), path }, (response) => {
        response.resume();
        begun();
      });
      asked.on('error', () => {});
    });
  await look('/api/live');
  await look('/api/tap?at=chain.decrypt');
  await look('/metrics');
  const scraping = setInterval(() => void look('/metrics'), SCRAPE_MS);
  return {
    async close() {
      clearInterval(scraping);
      await control.close();
    },
  };
}

const pipeline = ({ server: { directory } }: { server: Server }) => `  chain:
    source: { file: { path: stands-in.ndjson, as: message, resume: false } }
    operators:
      - authenticate: {}
      - decrypt: { field: EncryptUserInfo, table: 8 }
      - validate: { table: 8 }
      - order: { table: 8 }
      - split: { name: "KH_0002_{cutoff}_F_{seq}" }
      - zip: { level: 6 }
      - encrypt: { peer: regulator }
    sink: { sftp: { on: regulator, directory: ${JSON.stringify(directory)} } }
`;
