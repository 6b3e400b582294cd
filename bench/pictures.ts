import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Albums, arrived, bytesOf, writePictures } from './albums.js';
import { measure } from './measure.js';
import { OEM } from './records.js';
import { mbPerSecond, type Row } from './report.js';
import type { Server } from './site.js';

/** Pictures of 200 KB → collected, zipped, encrypted → on a real OpenSSH, beside the same in a shell. */
export async function picturesBench(server: Server, albums: Albums): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'iovpipe-bench-'));
  const inbox = mkdtempSync(join(server.directory, 'pictures-'));
  try {
    writePictures(folder, albums);
    const bytes = bytesOf(albums);
    const run = { folder, server: { ...server, directory: inbox }, albums };
    const result = await measure<{ seconds: number }>('picturesRun', run);
    const broken = missing(inbox, albums);
    rmSync(inbox, { recursive: true });
    mkdirSync(inbox);
    const shell = await shellSeconds(folder, run.server);
    if (missing(inbox, albums).length > 0) throw new Error('the shell did not deliver everything');
    return [
      {
        bench: 'pictures',
        scale: `${albums.count * albums.pictures} of 200 KB, ${albums.count} albums`,
        figure: mbPerSecond(bytes, result.seconds),
        floor: `${mbPerSecond(bytes, shell)} in a shell`,
        ratio: shell / result.seconds,
        peakBytes: result.peakBytes,
        broken,
      },
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
    rmSync(inbox, { recursive: true, force: true });
  }
}

function missing(inbox: string, albums: Albums): string[] {
  const { files, bytes } = arrived(inbox, 'KH_');
  if (files === albums.count && bytes > bytesOf(albums)) return [];
  return [`${files} of ${albums.count} albums arrived, ${bytes} bytes`];
}

/** What a shell does with the same pictures; nothing is flushed to the disk, noted or tried again. */
const SHELL = `
set -euo pipefail
mkdir packed
for album in photos/*/; do
  card=\${album#photos/}
  name=KH_\${card%/}_0003.bin
  zip -0 -q -j - "$album"* | openssl enc -sm4-cbc -K "$KEY" -iv "$IV" -out "packed/$name"
  echo "put packed/$name $TO/$name.tmp"
  echo "rename $TO/$name.tmp $TO/$name"
done >batch
sftp -q -b batch -i user.key -P "$PORT" -o IdentitiesOnly=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null "$LOGIN" >sftp.log
`;

async function shellSeconds(folder: string, server: Server): Promise<number> {
  writeFileSync(join(folder, 'user.key'), server.privateKey, { mode: 0o600 });
  const login = { LOGIN: `${server.username}@${server.host}`, PORT: String(server.port), TO: server.directory };
  const env = { ...process.env, ...login, KEY: OEM.cipher.key, IV: '00'.repeat(16) };
  const started = performance.now();
  await promisify(execFile)('bash', ['-c', SHELL], { cwd: folder, env }).catch((error: { stderr: string }) => {
    throw new Error(`the shell failed: ${error.stderr.trim().split('\n').at(-1)}`);
  });
  return (performance.now() - started) / 1000;
}
