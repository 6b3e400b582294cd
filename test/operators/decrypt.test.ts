import t from 'tap';
import type { Kernel } from '../../contract/component.js';
import type { IovError } from '../../contract/error.js';
import { Receipt } from '../../contract/receipt.js';
import { digestText } from '../../contract/tags.js';
import { createCipher } from '../../crypto/cipher.js';
import { spec as decryptSpec } from '../../operators/decrypt.js';
import { spec as encryptSpec } from '../../operators/encryptField.js';
import { bareContext } from '../support/bareContext.js';
import { operator } from '../support/kernel.js';
import { maker, registration } from '../support/messages.js';
import { optionsOf } from '../support/options.js';

const second = {
  ...maker,
  platformId: 'OEM-2',
  cipher: { ...maker.cipher!, key: 'f'.repeat(32), encoding: 'hex' as const },
};
const { cipher: _none, ...third } = { ...maker, platformId: 'OEM-3' };
const peers = { maker, second, third };
const options = { field: 'EncryptUserInfo', table: 8 };
const decrypt = await operator(decryptSpec, options, { peers });
const tags = { platformId: 'OEM-1', code: 'WBA0', operType: '1', requestId: 'R1' };
const encrypted = (plain: unknown, cipher = maker.cipher!) => ({
  EncryptUserInfo: createCipher(cipher).encryptText(JSON.stringify(plain)),
});

t.test('the record comes out, with its ICCID and a digest', async (t) => {
  const item = await decrypt(encrypted(registration), tags);
  t.same(item.value, registration);
  t.match(JSON.parse(JSON.stringify(item.tags)), { ...tags, iccid: registration.ICCID, digest: /^[0-9a-f]{64}$/ });
});

t.test('each platform has its own cipher', async (t) => {
  const item = await decrypt(encrypted(registration, second.cipher), { ...tags, platformId: 'OEM-2' });
  t.same(item.value, registration);
  await t.rejects(decrypt(encrypted(registration), { ...tags, platformId: 'OEM-2' }), {
    code: 'UNDECRYPTABLE',
    failureCause: '400',
  });
});

t.test('the digest is that of the content: not of IV, order or spelling, but of every value', async (t) => {
  const digest = async (value: object, changes: object = {}) =>
    digestText((await decrypt(value, { ...tags, ...changes })).tags.digest ?? '');
  const first = await digest(encrypted(registration));
  t.equal(await digest(encrypted(registration)), first, 'encrypted anew');
  t.equal(
    await digest(encrypted(Object.fromEntries(Object.entries(registration).reverse()))),
    first,
    'in another order',
  );
  t.equal(await digest({ EncryptUserInfo: registration }), first, 'sent as an object');
  t.not(await digest(encrypted({ ...registration, CustomerName: '李四' })), first, 'another name');
  t.not(await digest(encrypted(registration), { operType: '2' }), first, 'another operation');
  t.not(await digest(encrypted(registration), { code: 'LSV1' }), first, 'another maker');
  const nested = { ...registration, ExtendPara: { a: 1, b: [{ c: 1, d: 2 }] } };
  const turned = { ...registration, ExtendPara: { b: [{ d: 2, c: 1 }], a: 1 } };
  t.equal(await digest(encrypted(nested)), await digest(encrypted(turned)), 'another order inside');
});

t.test('what is no record is refused without being shown', async (t) => {
  await t.rejects(decrypt({}, tags), { code: 'RECORD_INVALID', faults: [{ field: 'EncryptUserInfo' }] });
  await t.rejects(decrypt({ EncryptUserInfo: ['a'] }, tags), { code: 'RECORD_INVALID' });
  await t.rejects(decrypt({ EncryptUserInfo: '' }, tags), { code: 'UNDECRYPTABLE' });
  await t.rejects(decrypt(encrypted('张三'), tags), {
    code: 'MESSAGE_NOT_JSON',
    failureCause: '400',
    message: 'EncryptUserInfo, decrypted: JSON: expected one object, got a string',
  });
});

t.test('a platform without a cipher is our fault, told as 604', async (t) => {
  await t.rejects(decrypt(encrypted(registration), { ...tags, platformId: 'OEM-3' }), {
    code: 'UNDECRYPTABLE',
    failureCause: '604',
    retryable: true,
  });
  await t.rejects(decrypt(encrypted(registration), {}), { code: 'UNDECRYPTABLE', failureCause: '604' });
});

t.test('encryptField is its inverse, with an IV of its own each time', async (t) => {
  const encrypt = await operator(encryptSpec, { field: 'EncryptUserInfo', peer: 'maker' }, { peers });
  const message = { RequestID: 'R1', EncryptUserInfo: registration };
  const one = (await encrypt(message)).value as { EncryptUserInfo: string };
  const other = (await encrypt(message)).value as { EncryptUserInfo: string };
  t.type(one.EncryptUserInfo, 'string');
  t.not(one.EncryptUserInfo, other.EncryptUserInfo);
  t.same(message.EncryptUserInfo, registration, 'the message it was given stays as it was');
  t.same((await decrypt(one, tags)).value, registration);
  await t.rejects(encrypt({ EncryptUserInfo: 'already' }), { code: 'RECORD_INVALID' });
  await t.rejects(operator(encryptSpec, { field: 'EncryptUserInfo', peer: 'third' }, { peers }), {
    code: 'CONFIG_INVALID',
  });
});

t.test('the cards of one message are records of their own, which settle it together', async (t) => {
  const dialect = {
    fields: {},
    cards: { list: 'CardInfo', fields: ['MSISDN', 'ICCID'], max: 5 },
    signature: 'lower' as const,
  };
  const context = { ...bareContext({ directory: '.' }), peers: { lister: { ...maker, dialect } } };
  const kernel = (await decryptSpec.create(optionsOf(decryptSpec, options), context)) as Kernel;
  const outcomes: (IovError | undefined)[] = [];
  const effects = [() => undefined];
  const give = async (cards: object[], given: object = tags, origin = 'here') => {
    const { ICCID: _, MSISDN: __, ...rest } = registration;
    const receipt = new Receipt((error) => void outcomes.push(error));
    const value = encrypted({ ...rest, CardInfo: cards });
    return [...(await kernel.transform({ value, tags: given, origin, effects, receipt }))];
  };
  const cards = ['a', 'b', 'c'].map((ICCID) => ({ MSISDN: '1', ICCID }));
  const items = await give(cards);
  t.same(
    items.map(({ tags }) => [tags.iccid, tags.requestId, tags.part]),
    [
      ['a', 'R1', 1],
      ['b', 'R1', 2],
      ['c', 'R1', 3],
    ],
  );
  t.equal(new Set(items.map(({ tags }) => digestText(tags.digest ?? ''))).size, 3);
  t.same(
    items.map(({ origin }) => origin),
    ['here, card 1', 'here, card 2', 'here, card 3'],
  );
  t.same(
    items.map((item) => item.effects.length),
    [0, 0, 1],
    'what it brought along is stored with the last',
  );
  items[2]?.receipt.arrived();
  items[0]?.receipt.arrived();
  t.same(outcomes, []);
  items[1]?.receipt.arrived();
  t.same(outcomes, [undefined]);
  const [one, ...others] = await give(cards.slice(0, 1), { ...tags, part: 2 });
  t.same(others, []);
  t.match(
    one,
    { origin: 'here', effects, tags: { part: undefined } },
    'a dead letter was about one card, and brings all',
  );
  const again = await give(cards, { ...tags, part: 2 }, 'here, card 2');
  t.same(
    again.map(({ origin }) => origin),
    ['here, card 1', 'here, card 2', 'here, card 3'],
    'what fails again takes the place of its letter',
  );
});
