import type { Peer } from '../contract/peer.js';
import { type Certificates, makeCertificates } from './certificates.js';
import { freePort, newCipher, newPassword } from './site.js';
import { newSshKeys, type SshKeys } from './sshKeys.js';

export const OPERATOR_CODE = '0002';

/** What the three roles have agreed on, and where each of them listens on loopback. */
export interface Agreed {
  /** Absolute. */
  folder: string;
  bytesMax: number;
  /** The car maker at the operator (T1). Its cipher is also that of what the operator passes on unopened. */
  t1: Peer;
  /** The operator at the regulator, and the regulator at the operator (T2). */
  t2: Peer;
  tls: Certificates;
  ports: Record<'regulatorSftp' | 'operatorT1' | 'operatorT2' | 'operatorSftp' | 'makerCommands', number>;
  keys: Record<'regulatorHost' | 'operatorHost' | 'operator' | 'maker', SshKeys>;
}

/** @param makers codes of the car makers, for which one platform speaks */
export async function agree(given: { folder: string; bytesMax: number; makers: readonly string[] }): Promise<Agreed> {
  const { folder, bytesMax, makers } = given;
  return {
    folder,
    bytesMax,
    t1: { platformId: 'OEM-PLATFORM-01', password: newPassword(), codes: [...makers], cipher: newCipher() },
    t2: { platformId: 'MIIT-PLATFORM', password: newPassword(), codes: [OPERATOR_CODE], cipher: newCipher() },
    tls: await makeCertificates(),
    ports: {
      regulatorSftp: await freePort(),
      operatorT1: await freePort(),
      operatorT2: await freePort(),
      operatorSftp: await freePort(),
      makerCommands: await freePort(),
    },
    keys: {
      regulatorHost: await newSshKeys(),
      operatorHost: await newSshKeys(),
      operator: await newSshKeys(),
      maker: await newSshKeys(),
    },
  };
}
