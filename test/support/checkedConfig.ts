import { loadAndCheck } from '../../engine/check.js';
import type { CheckedConfig } from '../../engine/config.js';
import { formatFault } from '../../engine/fault.js';

/** A pipeline file as `iovpipe run` reads it; throws its faults. */
export async function checkedConfig(path: string): Promise<CheckedConfig> {
  const { config, faults } = await loadAndCheck(path);
  if (!config) throw new Error(faults.map(formatFault).join('\n'));
  return config;
}
