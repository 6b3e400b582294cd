import { randomBytes } from 'node:crypto';
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SftpConnection } from '../../connections/sftpConnection.js';
import { systemClock } from '../../engine/clock.js';
import { Engine } from '../../engine/engine.js';
import { openLog } from '../../engine/log.js';
import { FaultProxy, seeded } from '../../test/support/faultProxy.js';
import { startOpenSsh } from '../../test/support/openssh.js';
import { benchConfig } from '../site.js';

const FILE_BYTES = 200_000;

/** Files that wait for a server while a proxy cuts connections at random; the server's own count is read at each step. */
export async function run({ folder, files, seed }: { folder: string; files: number; seed: number }): Promise<object> {
  const openSsh = await startOpenSsh();
  if (!openSsh) throw new Error('no OpenSSH to be had; install openssh-server');
  const proxy = await FaultProxy.start({ host: openSsh.host, port: openSsh.port });
  const random = seeded(seed);
  proxy.cutAfter = () => (random() < 0.3 ? Math.floor(random() * 2 * FILE_BYTES) + 3_000 : Number.POSITIVE_INFINITY);
  let most = 0;
  const look = () => {
    most = Math.max(most, openSsh.connections() ?? 0);
  };
  proxy.on('connection', look).on('connected', look).on('bytes', look).on('cut', look);
  const config = await benchConfig(
    folder,
    { ...openSsh, host: '127.0.0.1', port: proxy.port },
    unused(openSsh.directory),
  );
  const engine = await Engine.open(config, { clock: systemClock, log: openLog({ level: 'silent' }) });
  const connection = engine.connection<SftpConnection>('regulator');
  await connection.open();
  const content = randomBytes(FILE_BYTES);
  const localPath = join(folder, 'file.bin');
  writeFileSync(localPath, content);
  const started = performance.now();
  const signal = new AbortController().signal;
  await Promise.all(
    Array.from({ length: files }, (_, index) =>
      connection.deliver({ localPath, bytes: FILE_BYTES }, openSsh.directory, `f${index}.bin`, {
        onUploading: async () => undefined,
        signal,
      }),
    ),
  );
  const seconds = (performance.now() - started) / 1000;
  const delivered = readdirSync(openSsh.directory).filter((name) => name.endsWith('.bin')).length;
  await engine.close();
  await proxy.stop();
  await openSsh.stop();
  rmSync(localPath);
  return { seconds, delivered, most, cuts: proxy.cuts, connections: proxy.total };
}

const unused = (directory: string) => `  unused:
    schedule: manual
    source: { archive: { kind: KH, window: full } }
    operators:
      - split: { name: "KH_{code}_{cutoff}_F_{seq}" }
      - zip: {}
      - encrypt: { peer: regulator }
    sink: { sftp: { on: regulator, directory: ${JSON.stringify(directory)} } }
`;
