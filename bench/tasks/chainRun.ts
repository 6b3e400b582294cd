import type { Item } from '../../contract/item.js';
import { Receipt } from '../../contract/receipt.js';
import { systemClock } from '../../engine/clock.js';
import { Engine } from '../../engine/engine.js';
import { openLog } from '../../engine/log.js';
import { parseStrictJson } from '../../notice/strictJson.js';
import { accountBodies } from '../records.js';
import { benchConfig, type Server } from '../site.js';

const DISTINCT = 20_000;

/** T1 bodies in memory → authenticate → decrypt → validate → order → split → zip → encrypt → a real OpenSSH. */
export async function run(args: { folder: string; server: Server; count: number }): Promise<object> {
  const config = await benchConfig(args.folder, args.server, pipeline(args));
  const engine = await Engine.open(config, { clock: systemClock, log: openLog({ level: 'warn' }) });
  const bodies = accountBodies(DISTINCT);
  let settled = 0;
  async function* read(): AsyncGenerator<Item> {
    for (let index = 0; index < args.count; index += 1) {
      const raw = bodies[index % DISTINCT]!;
      const receipt = new Receipt((error) => {
        if (!error) settled += 1;
      });
      yield { value: parseStrictJson(raw), tags: {}, origin: `body ${index}`, receipt, effects: [], raw };
    }
  }
  const started = performance.now();
  await engine.once('chain', { source: { read } });
  const seconds = (performance.now() - started) / 1000;
  const window = engine.store.status().windows[0];
  await engine.close();
  if (settled !== args.count) throw new Error(`${settled} of ${args.count} arrived`);
  return { seconds, files: window?.filesDelivered ?? 0, records: window?.recordsTotal ?? 0 };
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
