import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Effect } from '../contract/store.js';
import { photo } from '../demo/photo.js';
import { Random, STREAMS } from '../demo/random.js';

/** So many cards, each with so many pictures. */
export interface Albums {
  count: number;
  pictures: number;
}

export const PICTURE_BYTES = 200_000;
/** What is delivered here is owed under a code of its own: what the commands of a bench ask for waits meanwhile. */
const CODE = '0003';

export const bytesOf = ({ count, pictures }: Albums): number => count * pictures * PICTURE_BYTES;

/** `photos/ICCID/1.jpg` and so on: an image, and behind its end as many bytes that nothing can compress as it lacks. */
export function writePictures(folder: string, { count, pictures }: Albums): void {
  for (let index = 0; index < count; index += 1) {
    const directory = join(folder, 'photos', iccidOf(index));
    mkdirSync(directory, { recursive: true });
    const image = photo(new Random(2022, STREAMS.photo, index), 16, 16);
    for (let number = 1; number <= pictures; number += 1) {
      const content = Buffer.concat([image, randomBytes(PICTURE_BYTES - image.byteLength)]);
      writeFileSync(join(directory, `${number}.jpg`), content);
    }
  }
}

/** Makes each album due, as a command does. */
export function dueAlbums({ count }: Albums): Effect[] {
  return Array.from({ length: count }, (_, index) => (transaction) => {
    const [requestId, iccid] = [`ALBUM-${index}`, iccidOf(index)];
    const name = `KH_${requestId}_${CODE}`;
    transaction.addDueFile({ name, content: 'KH', requestId, code: CODE, iccid, withinMs: 6 * 3_600_000 });
  });
}

export const picturesOut = (directory: string): string => `  pictures-out:
    source: { dueFiles: { file: KH, codes: ["${CODE}"] } }
    operators:
      - collect: { file: KH, photos: [{ directory: "photos/{iccid}" }] }
      - zip: { level: 0 }
      - encrypt: { peer: regulator }
    sink: { sftp: { on: regulator, directory: ${JSON.stringify(directory)} } }
`;

/** Files of a directory that begin so and are complete. */
export function arrived(directory: string, prefix: string): { files: number; bytes: number } {
  const names = readdirSync(directory).filter((name) => name.startsWith(prefix) && name.endsWith('.bin'));
  return { files: names.length, bytes: names.reduce((sum, name) => sum + statSync(join(directory, name)).size, 0) };
}

const iccidOf = (index: number): string => `898600${String(index).padStart(14, '0')}`;
