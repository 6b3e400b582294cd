import { type IncomingHttpHeaders, request } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Test } from 'tap';
import { makeCertificates } from '../../demo/certificates.js';
import { freePort } from './freePort.js';
import { type Heard, post } from './httpsChannel.js';
import { IovpipeProcess } from './iovpipeProcess.js';
import { accountMessage, maker, registration } from './messages.js';
import { writeSite } from './site.js';

export const TOKEN = 'a token of some length';

const pipelines = (intake: number, dashboard: string) => `peers: \${file:peers.yaml}
connections:
  t1: { https: { listen: "127.0.0.1:${intake}", cert: "\${file:t1.crt}", key: "\${secret:t1.key}" } }
archive: { sqlite: { path: var/archive.db } }
dashboard: ${dashboard}
pipelines:
  accounts-in:
    source: { https: { on: t1, path: /t1/account, request: 7 } }
    operators:
      - authenticate: {}
      - decrypt: { field: EncryptUserInfo, table: 8 }
      - limitCards: { max: 1 }
      - join: { cards: ICCID }
      - order: { table: 12 }
    sink: { archive: { kind: KH, code: "0002" } }
  cards-in:
    source: { file: { path: cards.ndjson } }
    operators:
      - join: { registrations: ICCID }
      - order: { table: 12 }
    sink: { archive: { kind: KH, code: "0002" } }
  accounts-daily:
    schedule: { at: "0 0 * * *", finishBy: "05:00" }
    source: { archive: { kind: KH, window: day } }
    operators:
      - split: { name: "KH_{code}_{cutoff}_P_{seq}" }
      - zip: {}
    sink: { directory: { directory: var/inbox } }
`;

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
}

/** An operator whose daemon is up and can be watched; `token` asks for one. */
export async function watchedOperator(t: Test, options: { token?: boolean } = {}) {
  const folder = t.testdir();
  const tls = await makeCertificates();
  const [intake, port] = [await freePort(), await freePort()];
  const token = options.token ? `, token: "\${secret:token}"` : '';
  writeSite(folder, {
    'pipeline.yaml': pipelines(intake, `{ listen: "127.0.0.1:${port}"${token} }`),
    'peers.yaml': JSON.stringify({
      oem: { ...maker, password: `\${secret:password}`, cipher: { ...maker.cipher, key: `\${secret:key}` } },
    }),
    'cards.ndjson': `${JSON.stringify({ ICCID: registration.ICCID, IMSI: '460040123456789' })}\n`,
    't1.crt': tls.cert,
    'secrets/t1.key': tls.key,
    'secrets/token': TOKEN,
    'secrets/password': maker.password,
    'secrets/key': maker.cipher?.key ?? '',
  });
  const daemon = new IovpipeProcess(['run'], folder);
  t.teardown(() => daemon.signal('SIGKILL'));
  await daemon.ready();
  await daemon.says(({ msg, pipeline }) => msg === 'pipeline has ended' && pipeline === 'cards-in');
  const socketPath = join(folder, 'var', 'control.sock');
  return {
    folder,
    daemon,
    port,
    socketPath,
    send: (requestId: string, record = registration): Promise<Heard> =>
      post(`https://127.0.0.1:${intake}/t1/account`, tls.ca, JSON.stringify(accountMessage(requestId, {}, record))),
    ask: (path: string, more: Asking = {}) => ask({ host: '127.0.0.1', port }, path, more),
  };
}

export interface Asking {
  method?: string;
  headers?: Record<string, string>;
  body?: string;
}

function ask(where: { host: string; port: number }, path: string, more: Asking): Promise<Answer> {
  const { body, ...how } = more;
  return new Promise((resolve, reject) => {
    const asked = request({ ...where, path, ...how }, async (response) => {
      const { statusCode: status = 0, headers } = response;
      resolve({ status, headers, body: await text(response) });
    });
    asked.once('error', reject).end(body);
  });
}
