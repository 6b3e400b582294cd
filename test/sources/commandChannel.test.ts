import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import t from 'tap';
import { IovError } from '../../contract/error.js';
import type { Item } from '../../contract/item.js';
import type { Peer } from '../../contract/peer.js';
import type { JsonObject } from '../../contract/tags.js';
import { signNature } from '../../notice/signature.js';
import { spec as authenticateSpec } from '../../operators/authenticate.js';
import { certificateFiles } from '../support/certificates.js';
import { openChannel, post } from '../support/httpsChannel.js';
import { operator } from '../support/kernel.js';

// Tables 1 and 5 on a real listener with `authenticate` behind it: each fault of a command has its code of table 4.

const certificates = await certificateFiles();
const { ca } = certificates;
const run = promisify(execFile);
const ICCID = '89860012345678901234';

const regulator: Peer = { platformId: 'MIIT', password: 'correct horse', codes: [] };
const carrier: Peer = { platformId: 'CMCC', password: 'battery staple', codes: ['LSV1'] };
const authOf = ({ platformId, password }: Peer) => ({
  PlatformID: platformId,
  SignNature: signNature(platformId, password),
});

interface Channel {
  request: 1 | 5;
  options: object;
  message: JsonObject;
  /** What later steps know of it. */
  tags: object;
}

const CHANNELS: Record<string, Channel> = {
  'table 5': {
    request: 5,
    options: { operatorId: '0002' },
    message: { Auth: authOf(regulator), RequestID: 'CMD-1', OperatorID: '0002', ICCID },
    tags: { platformId: 'MIIT', requestId: 'CMD-1', code: '0002', iccid: ICCID },
  },
  'table 1': {
    request: 1,
    options: {},
    message: { Auth: authOf(carrier), RequestID: 'CMD-1', Code: 'LSV1', ICCID },
    tags: { platformId: 'CMCC', requestId: 'CMD-1', code: 'LSV1', iccid: ICCID },
  },
};

/** What a sink or a later operator finds out about the card that a command names. */
const LATER: Record<string, () => IovError> = {
  unknown: () => new IovError('NO_RECORD', 'no such card'),
  broken: () => new IovError('STORE_FAILED', 'disk full'),
  unexpected: () => new IovError('INTERNAL', 'TypeError: x is undefined'),
};

async function withCommands(
  { request, options }: Channel,
  work: (channel: { url: string; passed: Item[] }) => Promise<void>,
) {
  const peers = { regulator, carrier };
  const authenticate = await operator(authenticateSpec, options, { peers });
  const passed: Item[] = [];
  const handle = async ({ value, tags }: Item) => {
    const item = await authenticate(value, tags);
    const later = LATER[String((value as JsonObject).ICCID)];
    if (later) throw later();
    passed.push(item);
  };
  const source = { path: '/command', request };
  const channel = await openChannel(certificates, { peers, source, handle });
  const reading = channel.read();
  try {
    await work({ url: channel.url.replace('/t1/account', '/command'), passed });
  } finally {
    await channel.close();
    await reading;
  }
}

for (const [name, channel] of Object.entries(CHANNELS)) {
  const { message, tags } = channel;
  const changed = (changes: JsonObject) => JSON.stringify({ ...message, ...changes });
  const signed = (changes: JsonObject) => changed({ Auth: { ...(message.Auth as JsonObject), ...changes } });

  t.test(`a command of ${name} is taken, by curl`, async (t) => {
    await withCommands(channel, async ({ url, passed }) => {
      const curl = ['-sS', '--cacert', `${certificates.folder}/ca.crt`, '-H', 'Content-Type: application/json'];
      const { stdout } = await run('curl', [...curl, '-d', JSON.stringify(message), url]);
      t.equal(stdout, '{"RequestID":"CMD-1","OprRst":"1"}');
      t.same(
        passed.map((item) => item.tags),
        [tags],
      );
    });
  });

  t.test(`each fault of a command of ${name} has its code of table 4`, async (t) => {
    const own: [what: string, body: string, cause: string][] =
      channel.request === 5
        ? [
            ['another operator', changed({ OperatorID: '0003' }), '400'],
            ['an empty OperatorID', changed({ OperatorID: '' }), '400'],
            ['an OperatorID that is a number', changed({ OperatorID: 9999 }), '400'],
            ['no OperatorID', changed({ OperatorID: undefined }), '400'],
          ]
        : [
            ['a foreign Code', changed({ Code: 'LFV2' }), '401'],
            ['no Code', changed({ Code: undefined }), '400'],
          ];
    const faults: [what: string, body: string, cause: string][] = [
      ...own,
      ['no JSON', 'ICCID=1', '400'],
      ['a list', `[${JSON.stringify(message)}]`, '400'],
      ['a key twice', JSON.stringify(message).replace('{', '{"RequestID":"CMD-0",'), '400'],
      ['no RequestID', changed({ RequestID: undefined }), '400'],
      ['no ICCID', changed({ ICCID: undefined }), '400'],
      ['an ICCID that is a list', changed({ ICCID: [ICCID] }), '400'],
      ['no Auth', changed({ Auth: undefined }), '400'],
      ['an Auth without SignNature', signed({ SignNature: undefined }), '400'],
      ['a wrong signature', signed({ SignNature: '0'.repeat(64) }), '401'],
      ['an unknown platform', signed({ PlatformID: 'NOBODY' }), '401'],
      ['a signature of another platform', signed({ PlatformID: 'OEM-1' }), '401'],
      ['a card that is not known', changed({ ICCID: 'unknown' }), '501'],
      ['a full disk', changed({ ICCID: 'broken' }), '604'],
      ['a fault of ours', changed({ ICCID: 'unexpected' }), '604'],
    ];
    await withCommands(channel, async ({ url, passed }) => {
      for (const [what, body, cause] of faults) {
        const { status, body: answer } = await post(url, ca, body);
        t.equal(status, 200, `${what}: HTTP 200`);
        t.match(answer, { OprRst: '2', FailureCause: cause }, what);
      }
      const { status, body } = await post(url, ca, '', { method: 'GET' });
      t.equal(status, 405);
      t.same(body, { RequestID: '', OprRst: '2', FailureCause: '405' });
      t.same(passed, [], 'none went further');
      t.same((await post(url, ca, JSON.stringify(message))).body, { RequestID: 'CMD-1', OprRst: '1' }, 'control');
    });
  });
}

t.test('a command for every operator is ours too, and names no operator', async (t) => {
  const channel = CHANNELS['table 5']!;
  await withCommands(channel, async ({ url, passed }) => {
    const { body } = await post(url, ca, JSON.stringify({ ...channel.message, OperatorID: '9999' }));
    t.equal(body.OprRst, '1');
    t.same(passed[0]?.tags, { platformId: 'MIIT', requestId: 'CMD-1', iccid: ICCID });
  });
});
