import { existsSync } from 'node:fs';
import { userInfo } from 'node:os';
import { systemClock } from '../engine/clock.js';
import { loadedOnce } from './checked.js';
import { type Command, type Given, textOption } from './command.js';

/**
 * Notes who calls this command, about what, before it shows anything. A pipeline file with faults, or a ledger that is not
 * there, is the command's to tell.
 * @throws IovError STORE_FAILED
 */
export async function noteCall(name: string, { audited }: Command, given: Given): Promise<void> {
  const call = typeof audited === 'function' ? audited(given) : audited && { what: given.positionals.join(' ') };
  if (!call) return;
  const path = textOption(given, 'archive') ?? (await ledgerOf(call.file ?? textOption(given, 'file')));
  if (path === undefined || !existsSync(path)) return;
  const { noteAudit } = await import('../stores/audit.js');
  await noteAudit(path, { at: systemClock.now(), who: caller(), did: name, what: call.what });
}

async function ledgerOf(file = 'pipeline.yaml'): Promise<string | undefined> {
  const { config } = await loadedOnce(file);
  return config?.archivePath;
}

/** Who called; behind sudo, who asked it. */
function caller(): string {
  const username = loginName();
  const behind = process.env.SUDO_USER;
  return behind && behind !== username ? `${behind} as ${username}` : username;
}

/** A container may run under a number that no login has. */
function loginName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.geteuid?.()}`;
  }
}
