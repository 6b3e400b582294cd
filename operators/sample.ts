import { createHmac } from 'node:crypto';
import { defineOperator } from '../contract/component.js';
import type { Item } from '../contract/item.js';
import { Type } from '../contract/schema.js';
import type { JsonObject } from '../contract/tags.js';

/** Bits of the digest that decide: as many as a double holds without loss. */
const DRAW_BYTES = 6;
const DRAWS = 2 ** (8 * DRAW_BYTES);

export const spec = defineOperator({
  name: 'sample',
  summary: 'Draws a share of what passes, and keeps it masked for a reviewer (抽查).',
  description:
    'The draw is a keyed digest of the RequestID (of the content where there is none): a retry or a replay into the same archive draws the same, and a sender, who does not know the key, cannot tell what will be looked at. What is drawn is stored masked, in the transaction that stores the record itself, so that a record that is refused is not drawn; `iovpipe sample` lists it and takes the verdict. The full record is in the archive, where `iovpipe trace` finds it by its RequestID. Belongs before a `join`, or before an `archive` or `requests` sink, whose transaction keeps what was drawn.',
  sections: ['细则 10'],
  takes: ['message', 'record'],
  gives: 'same',
  stores: true,
  options: Type.Object(
    {
      rate: Type.Number({
        minimum: 0,
        maximum: 1,
        description: 'The share that is drawn: 0.01 is one in a hundred.',
        examples: [0.01],
      }),
    },
    { additionalProperties: false },
  ),
  examples: [
    { title: 'One registration in a hundred', yaml: 'rate: 0.01' },
    {
      title: 'What is drawn goes on unchanged',
      yaml: 'rate: 1',
      input: [{ ICCID: '89860012345678901234' }],
      output: [{ ICCID: '89860012345678901234' }],
    },
  ],
  async create({ rate }, { store, site, pipeline }) {
    const { compileRecordMask } = await import('../notice/maskRecord.js');
    const mask = compileRecordMask(site.tables);
    let key: Uint8Array | undefined;
    return {
      transform(item) {
        key ??= store.samples.key();
        const record = item.value as JsonObject;
        if (draw(key, item) >= rate) return [item];
        const { requestId, code } = item.tags;
        const iccid = item.tags.iccid ?? (typeof record.ICCID === 'string' ? record.ICCID : undefined);
        const sample = {
          pipeline,
          ...(requestId !== undefined && { requestId }),
          ...(code !== undefined && { code }),
          ...(iccid !== undefined && { iccid }),
          record: mask(record),
        };
        return [{ ...item, effects: [...item.effects, (transaction) => transaction.addSample(sample)] }];
      },
    };
  },
});

/** From 0 to below 1, the same each time for the same request. */
function draw(key: Uint8Array, { tags, value }: Item): number {
  const text = tags.requestId ?? JSON.stringify(value);
  return createHmac('sha256', key).update(text).digest().readUIntBE(0, DRAW_BYTES) / DRAWS;
}
