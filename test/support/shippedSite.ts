import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import { parse } from 'yaml';
import { loadAndCheck } from '../../engine/check.js';
import { writeSite } from './site.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

type Parts = { [key: string]: unknown; connections?: object; pipelines?: Record<string, object> };

/** The shipped pipeline file as data; YAML 1.2 has no grouped digits. */
export const shippedPipelines = (file = 'pipeline.yaml') => parse(read(file).replace(/(\d)_(?=\d{3})/g, '$1')) as Parts;

/** What `check` says of the shipped pipeline file with these parts in place of its own, or beside them. */
export async function faultsWith(t: Test, changes: Parts): Promise<string[]> {
  const folder = t.testdir();
  const shipped = shippedPipelines();
  const connections = { ...shipped.connections, ...changes.connections };
  const pipelines = { ...shipped.pipelines, ...changes.pipelines };
  const text = JSON.stringify({ ...shipped, ...changes, connections, pipelines }, undefined, 1); // JSON is YAML
  const site: Record<string, string> = { 'pipeline.yaml': text };
  for (const file of named('file', text)) site[file] = 'a text\n';
  site['peers.yaml'] = read('peers.yaml');
  site['logins.yaml'] = '[{ username: oem, publicKey: ssh-ed25519 AAAA }]';
  for (const secret of named('secret', Object.values(site).join('\n')))
    site[`secrets/${secret}`] = '0123456789abcdef0123456789abcdef\n';
  writeSite(folder, site);
  const { faults } = await loadAndCheck(join(folder, 'pipeline.yaml'));
  return faults.map(({ place, message }) => `${place}: ${message}`);
}

/** The names behind `${kind:…}` in a text. */
const named = (kind: string, text: string) =>
  [...text.matchAll(new RegExp(`\\$\\{${kind}:([^}]+)\\}`, 'g'))].map(([, name = '']) => name);
