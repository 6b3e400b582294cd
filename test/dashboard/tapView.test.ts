import t from 'tap';
import type { Item } from '../../contract/item.js';
import { oneLine } from '../../contract/oneLine.js';
import { Receipt } from '../../contract/receipt.js';
import { maskedTap, type TappedItem } from '../../dashboard/tapView.js';
import { compileRecordMask } from '../../notice/maskRecord.js';

const item = (value: unknown): Item => ({
  value,
  tags: { requestId: 'R-1' },
  origin: 'topic records, 0/7',
  effects: [],
  receipt: new Receipt(() => undefined),
});

t.test('what is no record is told without its value', async (t) => {
  const told: TappedItem[] = [];
  const { tap } = maskedTap(compileRecordMask({}), (one) => told.push(one));
  tap(item(oneLine(Buffer.from('张三 is no JSON'))), 'bytes');
  tap(item(undefined), 'record');
  t.strictSame(
    told.map(({ shape, records, value, tags }) => [shape, records, value, tags.requestId]),
    [
      ['bytes', 1, undefined, 'R-1'],
      ['record', undefined, undefined, 'R-1'],
    ],
  );
});
