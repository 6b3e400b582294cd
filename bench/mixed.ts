import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Albums, arrived, writePictures } from './albums.js';
import { attemptOf, attempts } from './attempts.js';
import { CARDS, judged, lost, RATE, send, told } from './commands.js';
import { CAP } from './connections.js';
import { measure } from './measure.js';
import type { Row } from './report.js';
import { serving } from './serving.js';
import type { Server } from './site.js';

const FILES = 20;
/** Looking costs: it reads a file for each connection. */
const LOOK_MS = 20;

export interface MixedSize {
  seconds: number;
  fileBytes: number;
  albums: Albums;
}

/** 500 commands a second hold while an export of 20 files and picture deliveries run in the same process, over its 20 connections. */
export async function mixedBench(server: Server, size: MixedSize, attemptsMax: number): Promise<Row[]> {
  const made = await attempts(
    attemptsMax,
    () => mixed(server, size),
    (rows) => rows.flatMap(({ broken }) => broken),
  );
  const last = made.at(-1) ?? [];
  return last.map((row) => ({ ...row, scale: row.scale + attemptOf(made) }));
}

async function mixed(server: Server, { seconds, fileBytes, albums }: MixedSize): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'iovpipe-bench-'));
  const inbox = mkdtempSync(join(server.directory, 'mixed-'));
  try {
    writePictures(folder, albums);
    const codes = { '0002': Math.round((FILES - 0.5) * fileBytes) };
    await measure('fillArchive', { path: join(folder, 'archive.db'), codes });
    const args = { folder, server: { ...server, directory: inbox }, cards: CARDS, albums, fileBytes, warmUp: RATE };
    const operator = await serving<{ due: number; seconds: number }>('mixedServer', args);
    const warm = await send(operator.port, { run: 'warm', rate: 0, count: RATE });
    const most = mostConnections(server);
    const answers = await send(operator.port, { run: 'mixed', rate: RATE, count: RATE * seconds });
    const beside = await operator.stop();
    return [
      {
        bench: 'mixed',
        scale: `${RATE}/s for ${seconds} s, beside the next`,
        figure: told(answers),
        floor: `${RATE}/s`,
        peakBytes: beside.peakBytes,
        broken: [...judged(answers, RATE), ...lost(beside.due, [warm, answers])],
      },
      besideRow({ inbox, albums: albums.count, seconds: beside.seconds, connections: most() }),
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
    rmSync(inbox, { recursive: true, force: true });
  }
}

function besideRow(found: { inbox: string; albums: number; seconds: number; connections: number }): Row {
  const { inbox, seconds, connections } = found;
  const files = arrived(inbox, 'KH_0002_').files;
  const albums = arrived(inbox, 'KH_ALBUM-').files;
  const broken = connections > CAP ? [`the server saw ${connections} connections`] : [];
  if (files !== FILES) broken.push(`${files} of ${FILES} files arrived`);
  if (albums !== found.albums) broken.push(`${albums} of ${found.albums} albums arrived`);
  return {
    bench: 'mixed',
    scale: `${files} files, ${albums} albums in ${seconds.toFixed(1)} s`,
    figure: `at most ${connections} at the server`,
    floor: `cap ${CAP}`,
    broken,
  };
}

/** Looks again and again; gives the most connections that the server ever held. */
function mostConnections({ connections }: Server): () => number {
  let most = 0;
  const looking = setInterval(() => {
    most = Math.max(most, connections?.() ?? 0);
  }, LOOK_MS);
  return () => {
    clearInterval(looking);
    return most;
  };
}
