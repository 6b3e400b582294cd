import { readdirSync, readFileSync } from 'node:fs';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';

const PAGE = new URL('../../dashboard/page/', import.meta.url);

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

export interface PageFile {
  type: string;
  content: Buffer;
}

/** Everything the page consists of, by its path: read once, so that no path of a caller ever reaches the disk. */
export function pageFiles(): ReadonlyMap<string, PageFile> {
  const files = new Map<string, PageFile>();
  for (const name of readdirSync(PAGE)) {
    const type = TYPES[extname(name)];
    if (type) files.set(name === 'index.html' ? '/' : `/${name}`, { type, content: readFileSync(new URL(name, PAGE)) });
  }
  // Preact and htm in one file: the only thing of others that a browser gets.
  const preact = fileURLToPath(import.meta.resolve('htm/preact/standalone'));
  files.set('/preact.js', { type: TYPES['.js'] ?? '', content: readFileSync(preact) });
  return files;
}
