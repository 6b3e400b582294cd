import { type IncomingHttpHeaders, request } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Test } from 'tap';
import { makeCertificates } from '../../demo/certificates.js';
import { freePort } from '../../demo/site.js';
import { type Heard, post } from './httpsChannel.js';
import { ACCOUNTS_IN, intakeAt, intakeFiles } from './intake.js';
import { IovpipeProcess } from './iovpipeProcess.js';
import { accountMessage, registration } from './messages.js';
import { writeSite } from './site.js';

export const TOKEN = 'a token of some length';

const pipelines = (intake: number, dashboard: string) => `${intakeAt(intake)}dashboard: ${dashboard}
pipelines:
${ACCOUNTS_IN}  cards-in:
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
    ...intakeFiles(tls),
    'cards.ndjson': `${JSON.stringify({ ICCID: registration.ICCID, IMSI: '460040123456789' })}\n`,
    'secrets/token': TOKEN,
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
    // a kept connection could be closed by the daemon just as the next request is written
    const asked = request({ ...where, agent: false, path, ...how }, async (response) => {
      const { statusCode: status = 0, headers } = response;
      resolve({ status, headers, body: await text(response) });
    });
    asked.once('error', reject).end(body);
  });
}
