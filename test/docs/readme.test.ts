import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import type { CipherOptions } from '../../contract/peer.js';
import type { JsonObject } from '../../contract/tags.js';
import { createCipher } from '../../crypto/cipher.js';
import type { Sent } from '../../demo/inbox.js';
import { signNature } from '../../notice/signature.js';
import { tables } from '../../notice/tables/index.js';
import { cleanEnvironment } from '../support/cleanEnvironment.js';
import { post } from '../support/httpsChannel.js';
import { IovpipeProcess } from '../support/iovpipeProcess.js';
import { type Page, pageOf } from '../support/page.js';
import { until } from '../support/until.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const README = pageOf('README.md');

interface DemoJson {
  t1: {
    account: string;
    vehicle: string;
    ca: string;
    platformId: string;
    password: string;
    code: string;
    cipher: CipherOptions;
  };
}

const VEHICLE = ['accepted', 'archived', 'window', 'file', 'packed', 'delivered'];

const inBash = README.blocks('bash');

t.test('both languages have the same sections, commands and tables', async (t) => {
  const shape = ({ text, fenced }: Page) => ({
    headings: [...text.matchAll(/^#+ /gm)].map(String),
    // comments and the drawing are words, and are translated
    blocks: fenced.flatMap(({ language, text }) => (language ? [text.replace(/ *# .*$/gm, '')] : [])),
    rows: [...text.matchAll(/^\| (`[^`]*`|[^`|]*\| \[[^\]]*\]\([^)]*\))/gm)].map(([, cell = '']) =>
      cell.replace(/^[^`|]*\| /, ''),
    ),
    promises: [...text.matchAll(/^\d\. /gm)].map(String),
    links: [...text.matchAll(/\]\(([^)]*)\)/g)].map(([, to]) => to).filter((to) => !to?.startsWith('README')),
  });
  t.strictSame(shape(pageOf('README.zh-CN.md')), shape(README));
  t.equal(inBash.length, 4);
});

t.test('what the README shows works as pasted, beside a demo that stays', async (t) => {
  const folder = t.testdir();
  const out = join(folder, 'demo-out');
  const words = ['demo', '--stay', '--out', out, '--records', '200', '--photos', '3', '--bytes-max', '100000'];
  const demo = new IovpipeProcess(words, folder);
  t.teardown(() => demo.signal('SIGKILL'));
  await demo.says(({ msg }) => msg.startsWith('staying up'));
  const { t1 } = JSON.parse(readFileSync(join(out, 'demo.json'), 'utf8')) as DemoJson;
  const ca = readFileSync(t1.ca, 'utf8');
  const operator = ['--file', join(out, 'operator', 'pipeline.yaml')];

  /** A block of the README in a shell of its own, in a folder where the demo left what it left. */
  const bash = (script: string | undefined, cwd = folder): Promise<{ stdout: string; stderr: string }> =>
    new Promise((resolve) => {
      const options = { cwd, env: cleanEnvironment(), timeout: 300_000 };
      const args = ['-o', 'pipefail', '-c', script ?? 'false'];
      execFile('bash', args, options, (_error, stdout, stderr) => resolve({ stdout, stderr }));
    });
  const npx = (words: readonly string[]) => bash(`npx --no iovpipe ${[...words, ...operator].join(' ')}`, ROOT);

  const account = (requestId: string, changes: JsonObject = {}, detail: JsonObject = newDetail()) => ({
    OperType: '1',
    Auth: { PlatformID: t1.platformId, SignNature: signNature(t1.platformId, t1.password) },
    RequestID: requestId,
    Code: t1.code,
    EncryptUserInfo: createCipher(t1.cipher).encryptText(JSON.stringify(detail)),
    ...changes,
  });
  const send = (body: object | string, method = 'POST') =>
    post(t1.account, ca, typeof body === 'string' ? body : JSON.stringify(body), { method });

  await t.test('decrypting and unzipping a delivered file shows a record in the order of table 12', async (t) => {
    const { stdout, stderr } = await bash(inBash[0]);
    const fields = Object.keys(JSON.parse(stdout.trim() || '{}') as JsonObject);
    const order = tables[12]?.fields.map(({ name }) => name) ?? [];
    t.ok(fields.length > 20, `${fields.length} fields; ${stderr}`);
    t.strictSame(
      fields,
      order.filter((name) => fields.includes(name)),
    );
  });

  await t.test('the curl command is answered with success, and status shows the card that waits', async (t) => {
    const { stdout, stderr } = await bash(inBash[1]);
    t.match(stdout, /^\{"RequestID":"CURL-\d+","OprRst":"1"\}\s*$/, stderr);
    const status = await npx(['status']);
    t.match(status.stdout, /, 1 waiting for card data, 0 waiting for a registration/, status.stderr);
    t.match(status.stdout, /KH_0002_2026111600_P +delivered/);
  });

  await t.test('a command by curl brings pictures and contract, under the names of the notice', async (t) => {
    const { stdout, stderr } = await bash(inBash[2]);
    t.match(stdout, /^\{"RequestID":"CURL-\d+","OprRst":"1"\}/, stderr);
    t.match(stdout, /^HT_CURL-\d+_[A-Z0-9]+\.bin$/m);
    t.match(stdout, /KH_CURL-\d+_0002_001\.jpg$/m);
    const [, id = ''] = /"RequestID":"([^"]+)"/.exec(stdout) ?? [];
    let told = '';
    const steps = () => told.split('\n').flatMap((line) => /^\S+ \S+ {2}(\w+)/.exec(line)?.[1] ?? []);
    const areDelivered = async () => {
      told = (await npx(['trace', id])).stdout;
      return steps().filter((step) => step === 'delivered').length === 2; // noted after the files are there
    };
    await until('both files are delivered by the ledger', areDelivered, { ms: 120_000, instead: () => told });
    t.strictSame(new Set(steps()), new Set(['accepted', 'due', 'asked', 'file', 'packed', 'delivered']), told);
  });

  await t.test('pictures sent by sftp from the shell are kept with their registration', async (t) => {
    const { stdout, stderr } = await bash(inBash[3]);
    t.match(stdout, /var\/pictures\/8986\d+\/KH_[A-Z0-9-]+_[A-Z0-9]+\.bin/, stderr);
  });

  await t.test('what is wrong gets the answer of table 9 with its cause', async (t) => {
    const forged = { PlatformID: t1.platformId, SignNature: '0'.repeat(64) };
    const wrong: [string, ReturnType<typeof send>, number, JsonObject][] = [
      ['a wrong signature', send(account('W-1', { Auth: forged })), 200, { RequestID: 'W-1', FailureCause: '401' }],
      ['an unknown Code', send(account('W-2', { Code: 'NOBODY' })), 200, { RequestID: 'W-2', FailureCause: '401' }],
      ['a GET', send('', 'GET'), 405, { FailureCause: '405' }],
      ['no JSON', send('no JSON'), 200, { FailureCause: '400' }],
      ['no Auth', send(account('W-3', { Auth: undefined })), 200, { RequestID: 'W-3', FailureCause: '400' }],
      ['no ciphertext', send(account('W-4', { EncryptUserInfo: 'x' })), 200, { FailureCause: '400' }],
      ['a spoiled record', send(account('W-5', {}, { ICCID: '1' })), 200, { RequestID: 'W-5', FailureCause: '400' }],
    ];
    for (const [name, answer, status, body] of wrong) {
      t.match(await answer, { status, body: { OprRst: '2', ...body } }, name);
    }
  });

  await t.test('a RequestID that comes again gets the first answer, and 400 with another content', async (t) => {
    const right = { status: 200, body: { RequestID: 'TWICE', OprRst: '1' } };
    t.match(await send(account('TWICE')), right);
    t.match(await send(account('TWICE')), right, 'the same, encrypted anew');
    const other = await send(account('TWICE', {}, { ...newDetail(), CustomerName: '李四' }));
    t.match(other.body, { RequestID: 'TWICE', OprRst: '2', FailureCause: '400' });
  });

  await t.test('trace shows a message accepted, in its window and file, and delivered', async (t) => {
    const lines = readFileSync(join(out, 'oem', 'sent.ndjson'), 'utf8')
      .trim()
      .split('\n');
    const sent = lines.map((line) => JSON.parse(line) as Sent);
    for (const kind of ['account', 'vehicle'] as const) {
      const { requestId } = sent.find((one) => one.kind === kind)!;
      const { stdout, stderr } = await npx(['trace', requestId]);
      const steps = stdout.split('\n').flatMap((line) => /^\S+ \S+ {2}(\w+)/.exec(line)?.[1] ?? []);
      t.equal(steps[0], 'accepted', stderr);
      const life = {
        account: ['accepted', 'archived', 'due', 'delivered', 'window', 'file', 'packed'],
        vehicle: VEHICLE,
      };
      t.strictSame([...new Set(steps)], life[kind], `${kind}: ${stdout}`);
      t.equal(steps.at(-1), 'delivered');
      t.match(stdout, /_P, |_P of/);
      t.match(stdout, /_F, |_F of/);
    }
  });

  demo.signal('SIGTERM');
  t.match(await demo.ended, { code: 0 });
});

/** A registration of a card that the operator does not know. */
function newDetail(): JsonObject {
  return {
    MSISDN: '1440012345679',
    ICCID: '89860022123456789020',
    VehicleStatus: '4',
    AcceptTime: '20261115120000',
    CustomerType: '1',
    CustomerName: '张三',
    CustomerCertType: '01',
    CustomerCertNumber: '11010519491231002X',
    CustomerCertAddress: '北京市朝阳区建国路1号',
    CustomerCertDate: '20200101-20400101',
  };
}
