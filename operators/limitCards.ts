import { defineOperator } from '../contract/component.js';
import { type Fault, IovError } from '../contract/error.js';
import { Type } from '../contract/schema.js';
import type { Effect } from '../contract/store.js';
import type { JsonObject } from '../contract/tags.js';
import { maskValue } from '../notice/mask.js';
import { personOf } from '../notice/person.js';

export const spec = defineOperator({
  name: 'limitCards',
  summary: 'Refuses a card to a person who holds the greatest number allowed already (一证多卡).',
  description:
    'Counts the cards of the person’s certificate at this operator, in the transaction that would store the record, so that two at once cannot both be the last. Beyond `max` the answer sends the user to the designated hall, and the record is kept among the dead letters for review (`iovpipe dead --code CARD_LIMIT`), its reason naming person and card masked. Persons only (CustomerType 1); news of a card that the person holds already always passes.',
  sections: ['细则 8(3)', '细则 11'],
  takes: ['record'],
  gives: 'record',
  stores: true,
  options: Type.Object(
    { max: Type.Integer({ default: 10, minimum: 1, maximum: 1_000_000, description: 'Cards a person may hold.' }) },
    { additionalProperties: false },
  ),
  examples: [
    {
      title: 'The number of article 11',
      yaml: 'max: 10',
      input: [{ ICCID: '89860012345678901234', CustomerType: '2' }],
      output: [{ ICCID: '89860012345678901234', CustomerType: '2' }],
    },
  ],
  create({ max }) {
    return {
      transform(item) {
        const record = item.value as JsonObject;
        const person = personOf(record);
        const iccid = record.ICCID;
        if (record.CustomerType !== '1' || person === undefined || typeof iccid !== 'string') return [item];
        const limit: Effect = (transaction) => {
          if (transaction.card(iccid)?.registration?.person === person) return;
          const cards = transaction.cardsOf(person, iccid);
          if (cards < max) return;
          const told = `the person holds ${cards} cards, expected less than ${max}`;
          throw new IovError('CARD_LIMIT', told, { keep: true, faults: whoFor(record) });
        };
        return [{ ...item, effects: [...item.effects, limit] }];
      },
    };
  },
});

/** Masked, so that a reviewer knows the person and the card again in the hall's own papers. */
function whoFor(record: JsonObject): Fault[] {
  const { CustomerName, CustomerCertNumber, CustomerCertNmuber, ICCID } = record;
  const told = [
    ['CustomerName', '用户姓名', 'name', CustomerName],
    ['CustomerCertNumber', '用户证件号码', 'number', CustomerCertNumber ?? CustomerCertNmuber],
    ['ICCID', '车联网卡 ICCID', 'number', ICCID],
  ] as const;
  return told.map(([field, label, personal, value]) => ({
    field,
    label,
    rule: 'for the review',
    value: maskValue({ personal }, value ?? ''),
  }));
}
