import t from 'tap';
import type { CardState } from '../../contract/card.js';
import { compileServiceEnd } from '../../notice/service.js';

const none = { codes: {}, tables: {} };
const endOf = compileServiceEnd(none);

const registered = (operType: string, updatedAt = 10, fields: object = {}): CardState => ({
  iccid: 'a card',
  registration: { fields: { VehicleStatus: '4', ...fields }, tags: { operType }, updatedAt },
});
const withCard = (state: CardState, updatedAt: number, fields: object): CardState => ({
  ...state,
  card: { fields: { ...fields }, tags: {}, updatedAt },
});

t.test(
  'service ends with a registration that gives the card up or scraps the car, from its acceptance on',
  async (t) => {
    t.equal(endOf(registered('1')), undefined, '开户');
    t.equal(endOf(registered('3')), undefined, '过户');
    t.equal(endOf(registered('2')), 10, '销户');
    t.equal(endOf(registered('7')), 10, '报废');
    t.equal(endOf(registered('5', 10, { VehicleStatus: '6' })), 10, 'a change that says the car is scrapped');
  },
);

t.test('the operator’s own card data ends it too; whichever names an operation last has the word', async (t) => {
  const over = { OperType: '2' };
  t.equal(endOf(withCard(registered('1'), 20, over)), 20);
  t.equal(endOf(withCard(registered('1', 30), 20, over)), undefined, 'registered anew afterwards');
  t.equal(endOf(withCard(registered('2'), 20, { CustomerStatus: '在用' })), 10, 'card data that names no operation');
  t.equal(endOf(withCard(registered('2'), 20, { OperType: '1' })), undefined);
  t.equal(endOf({ iccid: 'a card' }), undefined);
  t.equal(endOf(withCard({ iccid: 'a card' }, 20, {})), undefined, 'nobody has registered it');
});

t.test('a site’s own A.2 and its own names count', async (t) => {
  const own = compileServiceEnd({
    codes: { 'A.2': { '01': '开户', '09': '注销（用户申请）' } },
    tables: { 8: { VehicleStatus: { name: 'CarState' } } },
  });
  t.equal(own(registered('2')), undefined);
  t.equal(own(registered('09')), 10);
  t.equal(own(registered('01', 10, { CarState: '6' })), 10);
});
