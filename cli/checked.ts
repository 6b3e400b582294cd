import { loadAndCheck } from '../engine/check.js';
import type { CheckedConfig } from '../engine/config.js';
import { formatFault } from '../engine/fault.js';
import { complain } from './command.js';

/** The pipeline file, ready to run; or undefined, after all its faults have been told. */
export async function checked(path: string): Promise<CheckedConfig | undefined> {
  const { config, faults } = await loadAndCheck(path);
  if (!config) complain(faults.map(formatFault).join('\n\n'));
  return config;
}
