import { resolve } from 'node:path';
import { loadAndCheck } from '../engine/check.js';
import type { CheckedConfig } from '../engine/config.js';
import { formatFault } from '../engine/fault.js';
import { complain } from './command.js';

const loaded = new Map<string, ReturnType<typeof loadAndCheck>>();

/** A pipeline file as it was when this command first asked for it: who notes the call and who does the work see the same. */
export function loadedOnce(path: string): ReturnType<typeof loadAndCheck> {
  const key = resolve(path);
  const known = loaded.get(key) ?? loadAndCheck(path);
  loaded.set(key, known);
  return known;
}

/** The pipeline file, ready to run; or undefined, after all its faults have been told. */
export async function checked(path: string): Promise<CheckedConfig | undefined> {
  const { config, faults } = await loadedOnce(path);
  if (!config) complain(faults.map(formatFault).join('\n\n'));
  return config;
}
