import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Files of a site by their path: a small operator whose every part is sound. */
export type SiteFiles = Readonly<Record<string, string>>;

const PIPELINE = `timezone: Asia/Shanghai
peers: \${file:peers.yaml}
connections:
  t1: { https: { listen: 0.0.0.0:8443, cert: "\${file:t1.crt}", key: "\${secret:t1.key}" } }
  regulator:
    sftp:
      host: sftp.example
      username: operator
      privateKey: \${secret:sftp.key}
      hostKey: any
archive: { sqlite: { path: var/archive.db } }
pipelines:
  accounts-in:
    source: { https: { on: t1, path: /t1/account, request: 7 } }
    operators:
      - authenticate: {}
      - decrypt: { field: EncryptUserInfo, table: 8 }
      - validate: { table: 8 }
      - order: { table: 12 }
    sink: { archive: { kind: KH, code: "0002" } }
  vehicles-in:
    source: { https: { on: t1, path: /t1/vehicle, request: 10 } }
    operators:
      - authenticate:
      - order: { table: 10, omit: [Auth] }
    sink: { archive: { kind: CL } }
  accounts-daily:
    schedule: { at: "0 0 * * *", finishBy: "05:00" }
    source: { archive: { kind: KH, window: day } }
    operators:
      - split: { bytesMax: 100_000_000, name: "KH_{code}_{cutoff}_P_{seq}" }
      - zip: { level: 6 }
      - encrypt: { peer: regulator }
    sink: { sftp: { on: regulator, directory: /upload } }
`;

const PEERS = `oem:
  platformId: 车企
  password: \${secret:oem.password}
  codes: ["0001", LSV1]
  cipher: { key: "\${secret:oem.key}" }
regulator:
  platformId: MIIT
  password: \${secret:oem.password}
  cipher: { key: "\${secret:oem.key}" }
`;

export const SITE: SiteFiles = {
  'pipeline.yaml': PIPELINE,
  'peers.yaml': PEERS,
  't1.crt': 'a certificate\n',
  'secrets/t1.key': 'a key\n',
  'secrets/sftp.key': 'a key\n',
  'secrets/short.key': '0123\n',
  'secrets/oem.password': 'a password\n',
  'secrets/oem.key': '0123456789abcdef0123456789abcdef\n',
};

/** The site with one place changed; the place must be there, and only once. */
export function changedSite(file: string, from: string, to: string, site: SiteFiles = SITE): SiteFiles {
  const text = site[file] ?? '';
  if (text.split(from).length !== 2) throw new Error(`${file} does not hold exactly one ${JSON.stringify(from)}`);
  return { ...site, [file]: text.replace(from, () => to) };
}

export function writeSite(folder: string, site: SiteFiles): void {
  for (const [name, text] of Object.entries(site)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
}
