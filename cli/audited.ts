import { existsSync } from 'node:fs';
import { userInfo } from 'node:os';
import { loadAndCheck } from '../engine/check.js';
import { systemClock } from '../engine/clock.js';
import { maskNumbers } from '../notice/mask.js';
import { type Given, textOption } from './command.js';

/**
 * Notes who calls this command, about what, before it shows anything. A pipeline file with faults, or a ledger that is not
 * there, is the command's to tell.
 * @throws IovError STORE_FAILED
 */
export async function noteCall(name: string, given: Given): Promise<void> {
  const path = textOption(given, 'archive') ?? (await ledgerOf(textOption(given, 'file') ?? 'pipeline.yaml'));
  if (path === undefined || !existsSync(path)) return;
  const { noteAudit } = await import('../stores/audit.js');
  const what = maskNumbers(given.positionals.join(' '));
  await noteAudit(path, { at: systemClock.now(), who: caller(), did: name, what });
}

async function ledgerOf(file: string): Promise<string | undefined> {
  const { config } = await loadAndCheck(file);
  return config?.archivePath;
}

/** Who called; behind sudo, who asked it. */
function caller(): string {
  const { username } = userInfo();
  const behind = process.env.SUDO_USER;
  return behind && behind !== username ? `${behind} as ${username}` : username;
}
