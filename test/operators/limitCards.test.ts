import t from 'tap';
import type { Transaction } from '../../contract/store.js';
import { personOf } from '../../notice/person.js';
import { spec } from '../../operators/limitCards.js';
import { operator } from '../support/kernel.js';
import { registration } from '../support/messages.js';

const limit = await operator(spec, { max: 10 });

/** A state by card with so many cards of the person; `holder` has the card in question. */
function state(cards: number, holder?: string): Transaction {
  const registered =
    holder === undefined
      ? undefined
      : { iccid: '', registration: { fields: {}, tags: {}, person: holder, updatedAt: 0 } };
  return { cardsOf: () => cards, card: () => registered } as unknown as Transaction;
}

async function outcome(record: object, transaction: Transaction): Promise<string> {
  const { effects } = await limit(record);
  try {
    for (const effect of effects) effect(transaction);
  } catch (thrown) {
    t.match(thrown, { keep: true, failureCause: '一证多卡超过上限，请用户到电信企业指定营业厅办理' });
    return (thrown as { code: string }).code;
  }
  return 'passes';
}

t.test('the tenth card passes, the eleventh does not (article 11)', async (t) => {
  t.equal(await outcome(registration, state(9)), 'passes');
  t.equal(await outcome(registration, state(10)), 'CARD_LIMIT');
  t.equal(await outcome(registration, state(11)), 'CARD_LIMIT');
});

t.test('news of a card that the person holds already passes, another person’s card does not', async (t) => {
  t.equal(await outcome(registration, state(12, personOf(registration))), 'passes');
  t.equal(await outcome(registration, state(12, 'somebody else')), 'CARD_LIMIT');
});

t.test('companies are not counted', async (t) => {
  t.equal(await outcome({ ...registration, CustomerType: '2' }, state(5000)), 'passes');
});

t.test('a person is certificate type and number, in table 8 as in table 12', async (t) => {
  const person = personOf(registration);
  const { CustomerCertNumber: number, ...rest } = registration;
  t.match(person, /^[0-9a-f]{64}$/);
  t.equal(personOf({ ...registration, CustomerCertNumber: ' 11010519491231002x ' }), person, 'x or X');
  t.equal(personOf({ ...rest, CustomerCertNmuber: number }), person, 'the spelling of table 12');
  t.not(personOf({ ...registration, CustomerCertType: '2' }), person);
  t.equal(personOf(rest), undefined);
});
