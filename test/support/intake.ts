import type { Certificates } from '../../demo/certificates.js';
import { maker } from './messages.js';
import type { SiteFiles } from './site.js';

/** How the pipeline file of an operator begins that listens for the maker at a port. */
export const intakeAt = (port: number) => `peers: \${file:peers.yaml}
connections:
  t1: { https: { listen: "127.0.0.1:${port}", cert: "\${file:t1.crt}", key: "\${secret:t1.key}" } }
archive: { sqlite: { path: var/archive.db } }
`;

/** What that names. */
export const intakeFiles = (tls: Certificates): SiteFiles => ({
  'peers.yaml': JSON.stringify({
    oem: { ...maker, password: `\${secret:password}`, cipher: { ...maker.cipher, key: `\${secret:key}` } },
  }),
  't1.crt': tls.cert,
  'secrets/t1.key': tls.key,
  'secrets/password': maker.password,
  'secrets/key': maker.cipher?.key ?? '',
});

/** Accounts, one card a person, which wait for their card data. */
export const ACCOUNTS_IN = `  accounts-in:
    source: { https: { on: t1, path: /t1/account, request: 7 } }
    operators:
      - authenticate: {}
      - decrypt: { field: EncryptUserInfo, table: 8 }
      - limitCards: { max: 1 }
      - join: { cards: ICCID }
      - order: { table: 12 }
    sink: { archive: { kind: KH, code: "0002" } }
`;
