import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Agreed } from './agreed.js';
import type { Changes } from './relocate.js';
import type { Site } from './site.js';

const SHIPPED = fileURLToPath(new URL('../../', import.meta.url));
const LOOPBACK = '127.0.0.1';

/** A role's folder with the shipped pipeline file, and what differs from that file: addresses, and the size at which files are cut. */
export interface RoleSite {
  site: Site;
  changes: { connections?: Changes; components?: Changes; sinks?: Changes };
}

/** The operator's pipelines that deliver a window. */
export const EXPORTS = ['accounts-daily', 'accounts-monthly', 'vehicles-daily', 'vehicles-monthly'] as const;
/** All that deliver to the regulator. */
const DELIVERIES = [...EXPORTS, 'contracts-in', 'pictures-out'];

/** The regulator: its drop box, the check of what it takes in, and its commands. */
export function regulator({ folder, t1, t2, tls, ports, keys }: Agreed): RoleSite {
  return {
    site: {
      folder: join(folder, 'regulator'),
      pipeline: shipped('pipelines/regulator.yaml'),
      peers: { operator: t2, oem: t1 },
      secrets: { 'host.key': keys.regulatorHost.privateKey },
      files: { 'logins.yaml': loginOf('operator', keys.operator.publicKey, { directory: '.' }), 'ca.crt': tls.ca },
    },
    changes: {
      components: { sftpServer: { listen: `${LOOPBACK}:${ports.regulatorSftp}` } },
      sinks: { 'commands-out': { url: `https://${LOOPBACK}:${ports.operatorT2}/t2/command` } },
    },
  };
}

/** The operator: T1 and T2 listeners, drop box for pictures, archive, exports. */
export function operator(agreed: Agreed): RoleSite {
  const { folder, t1, t2, tls, ports, keys, bytesMax } = agreed;
  const server = {
    host: LOOPBACK,
    port: ports.regulatorSftp,
    username: 'operator',
    hostKey: keys.regulatorHost.fingerprint,
  };
  return {
    site: {
      folder: join(folder, 'operator'),
      pipeline: shipped('pipeline.yaml'),
      peers: { oem: t1, regulator: t2 },
      secrets: {
        't1.key': tls.key,
        't2.key': tls.key,
        'host.key': keys.operatorHost.privateKey,
        'sftp.key': keys.operator.privateKey,
      },
      files: {
        't1.crt': tls.cert,
        't2.crt': tls.cert,
        'oem-ca.crt': tls.ca,
        'logins.yaml': loginOf('oem', keys.maker.publicKey),
      },
    },
    changes: {
      connections: {
        t1: { listen: `${LOOPBACK}:${ports.operatorT1}` },
        t2: { listen: `${LOOPBACK}:${ports.operatorT2}` },
        regulator: server,
      },
      components: { split: { bytesMax }, sftpServer: { listen: `${LOOPBACK}:${ports.operatorSftp}` } },
      sinks: {
        ...Object.fromEntries(DELIVERIES.map((name) => [name, { directory: '/' }])),
        'contracts-asked': { url: `https://${LOOPBACK}:${ports.makerCommands}/t1/command` },
      },
    },
  };
}

/** The car maker: sends what its files hold, and answers commands. */
export function maker({ folder, t1, tls, ports, keys }: Agreed): RoleSite {
  const url = `https://${LOOPBACK}:${ports.operatorT1}/t1`;
  const server = { host: LOOPBACK, port: ports.operatorSftp, hostKey: keys.operatorHost.fingerprint };
  return {
    site: {
      folder: join(folder, 'oem'),
      pipeline: shipped('pipelines/oem.yaml'),
      peers: { operator: t1 },
      secrets: { 't1.key': tls.key, 'sftp.key': keys.maker.privateKey },
      files: { 'ca.crt': tls.ca, 't1.crt': tls.cert },
    },
    changes: {
      connections: { t1: { listen: `${LOOPBACK}:${ports.makerCommands}` }, operator: server },
      sinks: { 'accounts-out': { url: `${url}/account` }, 'vehicles-out': { url: `${url}/vehicle` } },
    },
  };
}

/** Live endpoints for `curl`, `sftp` and scripts: what demo.json holds. Paths are absolute, keys hex. */
export function endpoints({ folder, t1, t2, ports }: Agreed, operatorId: string): object {
  const ca = join(folder, 'oem', 'ca.crt');
  const sftp = (port: number, username: string, role: string) => ({
    host: LOOPBACK,
    port,
    username,
    privateKey: join(folder, role, 'secrets', 'sftp.key'),
    directory: '/',
  });
  const { name, key, iv } = t2.cipher!;
  const t1Url = `https://${LOOPBACK}:${ports.operatorT1}/t1`;
  return {
    t1: {
      account: `${t1Url}/account`,
      vehicle: `${t1Url}/vehicle`,
      ca,
      platformId: t1.platformId,
      password: t1.password,
      code: t1.codes[0],
      cipher: t1.cipher,
      sftp: sftp(ports.operatorSftp, 'oem', 'oem'),
    },
    t2: {
      command: `https://${LOOPBACK}:${ports.operatorT2}/t2/command`,
      ca,
      platformId: t2.platformId,
      password: t2.password,
      operatorId,
      cipher: { name, key, iv },
      sftp: sftp(ports.regulatorSftp, 'operator', 'operator'),
    },
    oem: { command: `https://${LOOPBACK}:${ports.makerCommands}/t1/command`, ca },
  };
}

const shipped = (path: string) => readFileSync(join(SHIPPED, path), 'utf8');
const loginOf = (username: string, publicKey: string, more: object = {}) =>
  JSON.stringify([{ username, publicKey: publicKey.trim(), ...more }]);
