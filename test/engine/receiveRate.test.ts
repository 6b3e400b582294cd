import { join } from 'node:path';
import t from 'tap';
import type { JsonObject } from '../../contract/tags.js';
import { makeCertificates } from '../../demo/certificates.js';
import { freePort } from '../../demo/site.js';
import { systemClock } from '../../engine/clock.js';
import { Engine } from '../../engine/engine.js';
import { signNature } from '../../notice/signature.js';
import { keptLog } from '../support/bareContext.js';
import { checkedConfig } from '../support/checkedConfig.js';
import { post } from '../support/httpsChannel.js';
import { accountMessage, iccidOf, maker, registration } from '../support/messages.js';
import { serve } from '../support/serve.js';
import { writeSite } from '../support/site.js';
import { within } from '../support/within.js';

const PER_SECOND = 20;
const MESSAGES = 3 * PER_SECOND;

const peer = (name: string, platformId: string) => `${name}:
  platformId: ${platformId}
  password: \${secret:password}
  codes: [WBA0]
  cipher: { key: "\${secret:key}" }
  messagesPerSecondMax: ${PER_SECOND}
`;

const pipelineYaml = (port: number) => `
peers: \${file:peers.yaml}
connections:
  t1: { https: { listen: "127.0.0.1:${port}", cert: "\${file:t1.crt}", key: "\${secret:t1.key}" } }
archive: { sqlite: { path: var/archive.db } }
pipelines:
  accounts-in:
    source: { https: { on: t1, path: /t1/account, request: 7 } }
    operators:
      - authenticate: {}
      - decrypt: { field: EncryptUserInfo, table: 8 }
      - validate: { table: 8 }
      - order: { table: 8 }
    sink: { archive: { kind: KH, code: "0002" } }
`;

t.test('a peer above its rate is told to come again, others are not, and nothing is lost', async (t) => {
  const folder = t.testdir();
  const certificates = await makeCertificates();
  const port = await freePort();
  writeSite(folder, {
    'pipeline.yaml': pipelineYaml(port),
    'peers.yaml': peer('greedy', 'OEM-1') + peer('modest', 'OEM-2'),
    't1.crt': certificates.cert,
    'secrets/t1.key': certificates.key,
    'secrets/password': maker.password,
    'secrets/key': maker.cipher?.key ?? '',
  });
  const config = await checkedConfig(join(folder, 'pipeline.yaml'));
  const engine = await Engine.open(config, { clock: systemClock, log: keptLog() });
  const { ready, end } = serve(engine);
  t.teardown(end);
  await within(60_000, 'listening', ready);

  const say = async (requestId: string, iccid: string, changes: JsonObject = {}) => {
    const message = JSON.stringify(accountMessage(requestId, changes, { ...registration, ICCID: iccid }));
    return (await post(`https://127.0.0.1:${port}/t1/account`, certificates.ca, message)).body;
  };
  const strange: object[] = [];
  /** Sends each of these once, all at the same time, and gives those that are to be sent again. */
  const send = async (numbers: readonly number[]): Promise<number[]> => {
    const answers = await Promise.all(numbers.map((number) => say(`R${number}`, iccidOf(number))));
    strange.push(...answers.filter(({ OprRst, FailureCause }) => OprRst !== '1' && FailureCause !== '604'));
    return numbers.filter((_, index) => answers[index]?.OprRst !== '1');
  };

  // during the first round no time passes for the rate, however long all its connections take
  const now = performance.now.bind(performance);
  const started = now();
  performance.now = () => started;
  t.teardown(() => {
    performance.now = now;
  });
  let left = Array.from({ length: MESSAGES }, (_, index) => index);
  let rounds = 0;
  let tooMany = false;
  for (; left.length > 0; rounds += 1) {
    left = await send(left);
    if (rounds === 0) {
      const Auth = { PlatformID: 'OEM-2', SignNature: signNature('OEM-2', maker.password) };
      t.equal((await say('M1', iccidOf(MESSAGES), { Auth })).OprRst, '1', 'another peer is answered meanwhile');
      t.equal(left.length, MESSAGES - PER_SECOND, 'at once as many as in a second');
      performance.now = now;
    }
    const bound = PER_SECOND * (1 + (performance.now() - started) / 1000) + 1;
    tooMany ||= MESSAGES - left.length > bound;
  }
  t.strictSame(strange, []);
  t.notOk(tooMany, 'never more than its rate');
  t.ok(rounds > 1, `${rounds} rounds`);
  const [stored] = engine.store.status().records;
  t.equal(stored?.count, MESSAGES + 1, 'each once, however often it was sent');
  t.strictSame(engine.store.deadLetters(), [], 'who is told to come again leaves no dead letter');
});
