import { timeLimit } from '../../contract/timeLimit.js';
import { systemClock } from '../../engine/clock.js';
import { Engine } from '../../engine/engine.js';
import { openLog } from '../../engine/log.js';
import { type Albums, dueAlbums, picturesOut } from '../albums.js';
import { benchConfig, type Server } from '../site.js';

const DEADLINE_MS = 600_000;

/** Collects, packs and delivers the albums of a folder, as the daemon does when commands have asked for them. */
export async function run(args: { folder: string; server: Server; albums: Albums }): Promise<object> {
  const { folder, server, albums } = args;
  const config = await benchConfig(folder, server, picturesOut(server.directory));
  const all = new AbortController();
  let delivered = 0;
  const engine = await Engine.open(config, {
    clock: systemClock,
    log: openLog({ level: 'warn' }),
    observer: ({ error }) => {
      if (!error) delivered += 1;
      if (delivered === albums.count) all.abort();
    },
  });
  await engine.store.commit(dueAlbums(albums));
  const started = performance.now();
  await engine.serve(timeLimit(DEADLINE_MS, all.signal), () => undefined);
  const seconds = (performance.now() - started) / 1000;
  await engine.close();
  return { seconds };
}
