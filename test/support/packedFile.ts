import type { FileState, PackedFile } from '../../contract/file.js';
import type { Item } from '../../contract/item.js';
import { Receipt } from '../../contract/receipt.js';
import type { Store } from '../../contract/store.js';
import { sm3Hex } from '../../crypto/digest.js';
import { positions } from './dropBox.js';
import type { LocalFile } from './sftpClient.js';

/** A packed file of the outbox as an item; `state` is what the ledger knew, and absent for a received file. */
export function packedItem({ name, localPath, bytes, content }: LocalFile, state?: FileState): Item<PackedFile> {
  const window = { kind: 'KH', code: '0002', cutoff: '2022111600', type: 'P' } as const;
  const counts = { sequence: 1, records: 1, textBytes: 1, iv: '0'.repeat(32), mtimeMs: 0 };
  const plan = state && { plan: { baseName: name.replace(/\.bin$/, ''), window, ...counts, state } };
  const value: PackedFile = { name, path: localPath, bytes, sm3: sm3Hex(content), ...plan };
  return { value, tags: {}, origin: name, receipt: new Receipt(() => undefined), effects: [] };
}

/** The ledger's part that sinks call; it writes down the steps. */
export function ledgerSteps(): Pick<Store, 'file' | 'fileUploading' | 'fileDelivered' | 'position' | 'commit'> & {
  steps: string[];
} {
  const steps: string[] = [];
  return {
    ...positions(),
    steps,
    file: () => undefined,
    fileUploading: async (name) => void steps.push(`uploading ${name}`),
    fileDelivered: async (name, remotePath) => void steps.push(`delivered ${name} ${remotePath}`),
  };
}
