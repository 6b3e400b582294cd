import { EventEmitter, once } from 'node:events';
import type { HttpsListener } from '../../connections/httpsListener.js';
import { makeCertificates } from '../../demo/certificates.js';
import { systemClock } from '../../engine/clock.js';
import { Engine } from '../../engine/engine.js';
import { openLog } from '../../engine/log.js';
import { type Albums, dueAlbums, picturesOut } from '../albums.js';
import { type Server, sftpOf, siteConfig } from '../site.js';
import { COMMANDS_IN, registerCards } from './commandServer.js';

/** How long the work beside the commands may take once no more of them come. */
const DEADLINE_MS = 120_000;

interface MixedArgs {
  /** Its archive is filled with records of the code 0002, its `photos` with pictures. */
  folder: string;
  server: Server;
  cards: number;
  albums: Albums;
  fileBytes: number;
  /** Commands that come before the work beside them begins. */
  warmUp: number;
}

/**
 * The operator's command channel; once it is warm, an export and the albums begin beside it, in this process
 * and over the same connections. Once its parent says stop, all of that is finished, and then told what is due.
 */
export async function run(args: MixedArgs): Promise<object> {
  const { folder, server, cards, albums, fileBytes, warmUp } = args;
  const { cert, key } = await makeCertificates();
  const t2 = JSON.stringify({ https: { listen: '127.0.0.1:0', cert, key: '${secret:t2.key}' } });
  const config = await siteConfig(
    folder,
    { 't2.key': key, 'sftp.key': server.privateKey },
    `connections: { t2: ${t2}, regulator: ${sftpOf(server)} }`,
    COMMANDS_IN + picturesOut(server.directory) + exportFull(server.directory, fileBytes),
  );
  const happened = new EventEmitter();
  let commands = 0;
  let delivered = 0;
  const engine = await Engine.open(config, {
    clock: systemClock,
    log: openLog({ level: 'warn' }),
    observer: ({ pipeline, error }) => {
      if (pipeline === 'pictures-out' && !error) delivered += 1;
      if (pipeline === 'commands-in') commands += 1;
      if (commands > warmUp) happened.emit('command');
      if (delivered === albums.count) happened.emit('delivered');
    },
  });
  await registerCards(engine, cards);
  const beside = workBeside(engine, albums, happened);
  const stop = new AbortController();
  process.once('message', () => void withinDeadline(beside).finally(() => stop.abort()));
  await engine.serve(stop.signal, () => process.send?.({ port: engine.connection<HttpsListener>('t2').port }));
  const due = engine.store.status().dueFiles.reduce((total, { open }) => total + open, 0);
  await engine.close();
  return { due, seconds: await beside };
}

/** Seconds from the first command until the export and the last album are delivered. */
async function workBeside(engine: Engine, albums: Albums, happened: EventEmitter): Promise<number> {
  const delivered = once(happened, 'delivered');
  await once(happened, 'command');
  const started = performance.now();
  await engine.store.commit(dueAlbums(albums));
  await Promise.all([engine.once('export', {}), delivered]);
  return (performance.now() - started) / 1000;
}

async function withinDeadline(work: Promise<unknown>): Promise<void> {
  const late = () => {
    throw new Error(`the work beside the commands was not done ${DEADLINE_MS} ms after them`);
  };
  const deadline = setTimeout(late, DEADLINE_MS);
  await work;
  clearTimeout(deadline);
}

const exportFull = (directory: string, bytesMax: number): string => `  export:
    schedule: manual
    source: { archive: { kind: KH, window: full, codes: ["0002"] } }
    operators:
      - split: { bytesMax: ${bytesMax}, name: "KH_{code}_{cutoff}_F_{seq}" }
      - zip: { level: 6 }
      - encrypt: { peer: regulator }
    sink: { sftp: { on: regulator, directory: ${JSON.stringify(directory)} } }
`;
