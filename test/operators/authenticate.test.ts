import t from 'tap';
import type { Kernel } from '../../contract/component.js';
import { IovError } from '../../contract/error.js';
import type { Item } from '../../contract/item.js';
import { Receipt } from '../../contract/receipt.js';
import type { JsonObject } from '../../contract/tags.js';
import { letterOf } from '../../engine/deadLetters.js';
import { signNature } from '../../notice/signature.js';
import { spec } from '../../operators/authenticate.js';
import { bareContext } from '../support/bareContext.js';
import { operator } from '../support/kernel.js';
import { accountMessage, maker } from '../support/messages.js';
import { optionsOf } from '../support/options.js';
import { testStore } from '../support/testStore.js';

const other = { ...maker, platformId: 'OEM-2', password: 'battery staple', codes: ['LSV1', 'LFV2'] };
const authenticate = await operator(spec, {}, { peers: { maker, other } });
const auth = (platformId: unknown, signature: unknown) => ({ Auth: { PlatformID: platformId, SignNature: signature } });

t.test('a signed message passes as it is, and is known from here on', async (t) => {
  const message = accountMessage('R1');
  const { value, tags } = await authenticate(message);
  t.equal(value, message);
  t.same(tags, { platformId: 'OEM-1', code: 'WBA0', operType: '1', requestId: 'R1' });
});

t.test('two platforms behind one address may use the same RequestID: each has a letter of its own', async (t) => {
  const { store } = await testStore(t);
  const kernel = (await spec.create(optionsOf(spec, {}), {
    ...bareContext({ directory: '.', store }),
    peers: { maker, other },
  })) as Kernel;
  const receipt = new Receipt(() => undefined);
  const letter = (message: JsonObject, origin: string, more: Partial<Item> = {}) => {
    const [item] = [
      ...(kernel.transform({ value: message, tags: {}, origin, receipt, effects: [], ...more }) as Item[]),
    ];
    const made = letterOf('in', item!, new IovError('CARD_LIMIT', 'one too many', { keep: true }));
    return store.commit([(transaction) => transaction.addDeadLetter(made)]);
  };
  const theirs = { ...auth('OEM-2', signNature('OEM-2', other.password)), Code: 'LSV1' };
  for (const message of [accountMessage('R1'), accountMessage('R1', theirs)])
    await letter(message, '127.0.0.1 POST /t1/account R1', { isAwaited: true });
  const letters = store.deadLetters();
  t.same(
    letters.map(({ tags }) => tags.platformId),
    ['OEM-1', 'OEM-2'],
  );
  await letter(accountMessage('R1'), letters[0]!.origin);
  t.equal(store.deadLetters().length, 2, 'one that is sent again and fails again keeps its place');
});

t.test('SignNature is taken in either case of letters', async (t) => {
  const signature = signNature('OEM-1', maker.password);
  for (const given of [signature.toUpperCase(), signature.toLowerCase()]) {
    await t.resolves(authenticate(accountMessage('R1', auth('OEM-1', given))));
  }
});

t.test('where a channel is for some peers, nobody else may call it, though its signature is right', async (t) => {
  const theirs = await operator(spec, { peers: ['other'] }, { peers: { maker, other } });
  await t.rejects(theirs(accountMessage('R1')), { code: 'UNAUTHORIZED', failureCause: '401' });
  const command = { ...auth('OEM-2', signNature('OEM-2', other.password)), Code: undefined };
  await t.resolves(theirs(accountMessage('R1', command)));
});

t.test('a command has no Code, and is not asked for one (table 5)', async (t) => {
  const { tags } = await authenticate(
    accountMessage('R1', { Code: undefined, OperType: undefined, OperatorID: '9999' }),
  );
  t.same(tags, { platformId: 'OEM-1', requestId: 'R1' });
});

t.test('a command names its card and its operator outside, a registration neither', async (t) => {
  const command = { Code: undefined, OperType: undefined, EncryptUserInfo: undefined, ICCID: '89860012345678901234' };
  const { tags } = await authenticate(accountMessage('R1', { ...command, OperatorID: '0002' }));
  t.same(tags, { platformId: 'OEM-1', requestId: 'R1', code: '0002', iccid: command.ICCID });
  const { tags: own } = await authenticate(accountMessage('R1', { ...command, Code: 'WBA0', OperatorID: '0002' }));
  t.equal(own.code, 'WBA0', 'no OperatorID takes the place of a Code that has been compared');
  const outside = { ICCID: command.ICCID, OperatorID: '0002' };
  const { tags: registration } = await authenticate(accountMessage('R1', outside));
  t.same(registration, { platformId: 'OEM-1', code: 'WBA0', operType: '1', requestId: 'R1' });
  const vehicle = { EncryptUserInfo: undefined, OperType: undefined, EncryptCarInfo: 'AAAA', ...outside };
  t.same((await authenticate(accountMessage('R1', vehicle))).tags, {
    platformId: 'OEM-1',
    code: 'WBA0',
    requestId: 'R1',
  });
});

t.test('a command for another operator is 400, and says which field', async (t) => {
  const ours = await operator(spec, { operatorId: '0002' }, { peers: { maker, other } });
  const command = (OperatorID: unknown) => accountMessage('R1', { Code: undefined, OperatorID });
  for (const id of ['0002', '9999']) await t.resolves(ours(command(id)));
  for (const id of ['0003', '', undefined, 2, '00020']) {
    const faults = [{ field: 'OperatorID', label: '运营商标识', rule: '0002, or 9999 for every operator' }];
    await t.rejects(ours(command(id)), { code: 'RECORD_INVALID', failureCause: '400', faults }, `${id}`);
  }
  const stranger = { ...command('0003'), ...auth('OEM-1', '0'.repeat(64)) };
  await t.rejects(ours(stranger), { code: 'UNAUTHORIZED' }, 'strangers do not learn who we are');
});

t.test('unknown platform, wrong signature and foreign Code are 401, the first two told alike', async (t) => {
  const unauthorized = { code: 'UNAUTHORIZED', failureCause: '401' };
  const unknown = { ...unauthorized, message: 'Auth: unknown PlatformID or wrong SignNature' };
  await t.rejects(authenticate(accountMessage('R1', auth('OEM-9', signNature('OEM-9', '')))), unknown);
  await t.rejects(authenticate(accountMessage('R1', auth('OEM-1', signNature('OEM-1', 'wrong')))), unknown);
  await t.rejects(authenticate(accountMessage('R1', auth('OEM-2', signNature('OEM-1', maker.password)))), unknown);
  await t.rejects(authenticate(accountMessage('R1', auth('__proto__', '0'.repeat(64)))), unknown);
  await t.rejects(authenticate(accountMessage('R1', { Code: 'LSV1' })), { ...unauthorized, message: /^Code:/ });
});

t.test('a missing or ill-formed Auth is 400, each part named', async (t) => {
  const fields = async (changes: object) => {
    const error = await authenticate(accountMessage('R1', { ...changes })).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    t.match(error, { code: 'RECORD_INVALID', failureCause: '400' });
    return (error as { faults: { field: string }[] }).faults.map(({ field }) => field);
  };
  t.same(await fields({ Auth: undefined }), ['Auth']);
  t.same(await fields({ Auth: [] }), ['Auth']);
  t.same(await fields(auth(1, undefined)), ['Auth.PlatformID', 'Auth.SignNature']);
  t.same(await fields(auth('OEM-1', null)), ['Auth.SignNature']);
});
