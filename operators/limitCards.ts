import { Type } from 'typebox';
import { defineOperator } from '../contract/component.js';
import { IovError } from '../contract/error.js';
import type { Effect } from '../contract/store.js';
import type { JsonObject } from '../contract/tags.js';
import { personOf } from '../notice/person.js';

export const spec = defineOperator({
  name: 'limitCards',
  summary: 'Refuses a card to a person who holds the greatest number allowed already (一证多卡).',
  description:
    'Counts the cards of the person’s certificate at this operator, in the transaction that would store the record, so that two at once cannot both be the last. Beyond `max` the answer sends the user to the designated hall, and the record is kept among the dead letters for review. Persons only (CustomerType 1); news of a card that the person holds already always passes.',
  sections: ['细则 8(3)', '细则 11'],
  takes: ['record'],
  gives: 'record',
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
          if (cards >= max)
            throw new IovError('CARD_LIMIT', `the person holds ${cards} cards, expected less than ${max}`, {
              keep: true,
            });
        };
        return [{ ...item, effects: [...item.effects, limit] }];
      },
    };
  },
});
