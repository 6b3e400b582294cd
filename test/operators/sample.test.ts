import t from 'tap';
import { IovError } from '../../contract/error.js';
import type { Item } from '../../contract/item.js';
import type { Store } from '../../contract/store.js';
import { spec } from '../../operators/sample.js';
import { operator } from '../support/kernel.js';
import { registration } from '../support/records.js';
import { testStore } from '../support/testStore.js';

const sampler = (store: Store, rate: number) => operator(spec, { rate }, { store, pipeline: 'accounts-in' });
const listed = (store: Store) => store.samples.list({ limit: 10_000 });
const send = async (store: Store, items: readonly Item[]) => {
  await Promise.all(items.map(({ effects }) => store.commit(effects)));
};

t.test('a record is drawn with the item, masked, and found by its RequestID', async (t) => {
  const { store, clock } = await testStore(t);
  const sample = await sampler(store, 1);
  const item = await sample(registration(), { requestId: 'R-1', code: 'LSV1', iccid: '89860412101880000012' });
  t.strictSame(item.value, registration(), 'it goes on unchanged');
  t.strictSame(listed(store), [], 'and is not drawn before it is durable');
  await send(store, [item]);
  const [drawn, ...others] = listed(store);
  t.strictSame(others, []);
  t.match(drawn, {
    pipeline: 'accounts-in',
    requestId: 'R-1',
    code: 'LSV1',
    drawnAt: clock.now(),
    state: 'open',
    record: { CustomerName: '张*' },
  });
  t.notMatch(JSON.stringify(listed(store)), '89860412101880000012');
});

t.test('what is refused in its transaction is not drawn', async (t) => {
  const { store } = await testStore(t);
  const { effects } = await (await sampler(store, 1))(registration(), { requestId: 'R-1' });
  const refuse = () => {
    throw new IovError('CARD_LIMIT', 'one too many');
  };
  await t.rejects(store.commit([...effects, refuse]), { code: 'CARD_LIMIT' });
  t.strictSame(listed(store), []);
});

t.test(
  'the stated rate is drawn, the same requests each time, also after a restart, and others in another archive',
  async (t) => {
    const folder = t.testdir();
    const draws = async (path: string) => {
      const { store } = await testStore(t, { path });
      const sample = await sampler(store, 0.1);
      const drawn: string[] = [];
      for (let number = 0; number < 4_000; number += 1) {
        const requestId = `R-${number}`;
        if ((await sample(registration(), { requestId })).effects.length > 0) drawn.push(requestId);
      }
      await store.close();
      return drawn;
    };
    const first = await draws(`${folder}/one.db`);
    t.ok(first.length > 300 && first.length < 500, `${first.length} of 4000`);
    t.strictSame(await draws(`${folder}/one.db`), first);
    t.notSame(await draws(`${folder}/other.db`), first, 'the key is nobody else’s');
  },
);

t.test('a rate of 0 draws nothing, and what has no RequestID is drawn by its content', async (t) => {
  const { store } = await testStore(t);
  t.equal((await (await sampler(store, 0))(registration(), { requestId: 'R-1' })).effects.length, 0);
  const half = await sampler(store, 0.5);
  const drawn = async () => {
    const each = Array.from({ length: 64 }, (_, number) => half({ ...registration(), MSISDN: String(number) }));
    return (await Promise.all(each)).map(({ effects }) => effects.length);
  };
  const once = await drawn();
  t.strictSame(await drawn(), once);
  t.same(new Set(once), new Set([0, 1]));
});
