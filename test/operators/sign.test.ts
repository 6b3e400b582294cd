import t from 'tap';
import { spec as authenticateSpec } from '../../operators/authenticate.js';
import { spec } from '../../operators/sign.js';
import { operator } from '../support/kernel.js';
import { accountMessage, maker } from '../support/messages.js';

const peers = { operator: maker };
const sign = await operator(spec, { peer: 'operator' }, { peers });

t.test('a signed message is authenticated at the other end', async (t) => {
  const { value, tags } = await sign(accountMessage('R1', { Auth: undefined }));
  t.same(tags, { requestId: 'R1', code: 'WBA0' });
  const authenticate = await operator(authenticateSpec, {}, { peers: { maker } });
  t.equal((await authenticate(value)).tags.platformId, 'OEM-1');
});

t.test('a message without RequestID is not sent', async (t) => {
  for (const RequestID of [undefined, '', 7]) {
    await t.rejects(sign(accountMessage('', { RequestID })), {
      code: 'RECORD_INVALID',
      faults: [{ field: 'RequestID' }],
    });
  }
});

t.test('a peer that wants capitals gets them', async (t) => {
  const dialect = { fields: {}, signature: 'upper' as const };
  const loud = await operator(spec, { peer: 'operator' }, { peers: { operator: { ...maker, dialect } } });
  const { value } = await loud(accountMessage('R1', { Auth: undefined }));
  t.match((value as { Auth: { SignNature: string } }).Auth.SignNature, /^[0-9A-F]{64}$/);
  const authenticate = await operator(authenticateSpec, {}, { peers: { maker } });
  t.equal((await authenticate(value)).tags.platformId, 'OEM-1', 'and we take them');
});
