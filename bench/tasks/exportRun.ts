import { systemClock } from '../../engine/clock.js';
import { Engine } from '../../engine/engine.js';
import { openLog } from '../../engine/log.js';
import { benchConfig, type Server } from '../site.js';

/** Exports one code's window from an archive to a real OpenSSH, as `iovpipe run --once` does. */
export async function run(args: { folder: string; server: Server; code: string; archive?: object }): Promise<object> {
  const config = await benchConfig(args.folder, args.server, pipeline(args), args.archive);
  const engine = await Engine.open(config, { clock: systemClock, log: openLog({ level: 'warn' }) });
  const started = performance.now();
  await engine.once('export', {});
  const seconds = (performance.now() - started) / 1000;
  const window = engine.store.status().windows.find(({ code }) => code === args.code);
  await engine.close();
  return { seconds, files: window?.filesDelivered ?? 0, records: window?.recordsTotal ?? 0 };
}

const pipeline = ({ code, server }: { code: string; server: Server }) => `  export:
    schedule: manual
    source: { archive: { kind: KH, window: full, codes: [${code}] } }
    operators:
      - split: { name: "KH_{code}_{cutoff}_F_{seq}" }
      - zip: { level: 6 }
      - encrypt: { peer: regulator }
    sink: { sftp: { on: regulator, directory: ${JSON.stringify(server.directory)} } }
`;
