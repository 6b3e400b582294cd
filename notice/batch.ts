import { IovError } from '../contract/error.js';
import type { WindowKey } from '../contract/file.js';
import { formatFileName, parseFileName } from './fileName.js';

/** A window's text file, without an extension: `KH_0002_2022111600_P_000003end` (notice 6.2.1.2 a, 6.2.2.2 a). */
export function batchName(window: WindowKey, sequence: number, end: boolean): string {
  const { kind: content, code, cutoff, type } = window;
  return formatFileName({ kind: 'batch', content, code, cutoff, type, sequence, end, extension: '', partial: false });
}

/** A window as people see it, and as the names of its files begin: `KH_0002_2022111600_P`. */
export function windowName({ kind, code, cutoff, type }: WindowKey): string {
  return `${kind}_${code}_${cutoff}_${type}`;
}

/**
 * The window that a name template stands for: `KH_0002_{cutoff}_F_{seq}`, `CL_{code}_{cutoff}_P_{seq}`.
 * @throws IovError CONFIG_INVALID where the template makes no name of a batch
 */
export function windowOfTemplate(template: string, parts: { code?: string; cutoff: string }): WindowKey {
  const text = template
    .replace('{code}', parts.code ?? '{code}')
    .replace('{cutoff}', parts.cutoff)
    .replace('{seq}', '000001');
  const name = parseFileName(text);
  if (name?.kind === 'batch' && name.extension === '' && !name.end && template.includes('{seq}')) {
    return { kind: name.content, code: name.code, cutoff: name.cutoff, type: name.type };
  }
  const got = JSON.stringify(template.slice(0, 100));
  throw new IovError(
    'CONFIG_INVALID',
    `name: expected KH or CL, a code or {code}, {cutoff}, F or P, {seq}, joined by _; got ${got}`,
  );
}
