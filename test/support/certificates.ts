import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Certificates, makeCertificates } from '../../demo/certificates.js';

export interface CertificateFiles extends Certificates {
  /** The folder, with ca.crt, client.crt and client.key for curl. */
  folder: string;
}

/** A certificate authority for one test file, also on disk; the folder goes with the process. */
export async function certificateFiles(): Promise<CertificateFiles> {
  const made = await makeCertificates();
  const folder = mkdtempSync(join(tmpdir(), 'iovpipe-certificates-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, 'ca.crt'), made.ca);
  writeFileSync(join(folder, 'client.crt'), made.client.cert);
  writeFileSync(join(folder, 'client.key'), made.client.key, { mode: 0o600 });
  return { ...made, folder };
}
