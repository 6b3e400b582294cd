import t from 'tap';
import type { OperatorSpec, SinkSpec, SourceSpec } from '../../contract/component.js';
import type { Shape } from '../../contract/item.js';
import { misfits } from '../../engine/shapes.js';

const source = (gives: Shape) => ({ role: 'source', name: 'from', gives }) as SourceSpec;
const sink = (takes: Shape[]) => ({ role: 'sink', name: 'to', takes }) as unknown as SinkSpec;
const operator = (name: string, takes: Shape[], gives: Shape | 'same') =>
  ({ role: 'operator', name, takes, gives }) as unknown as OperatorSpec;

const validate = operator('validate', ['message', 'record'], 'same');
const order = operator('order', ['message', 'record'], 'bytes');
const split = operator('split', ['bytes'], 'text');
const zip = operator('zip', ['text'], 'file');
const operators = [validate, order, split, zip];

t.test('a chain whose shapes follow one another fits', async (t) => {
  t.strictSame(misfits(source('record'), [validate, order, split, zip, sink(['file'])], operators), []);
});

t.test('a misfit says what is taken, what is given, and what to put between', async (t) => {
  t.strictSame(misfits(source('record'), [order, zip, sink(['file'])], operators), [
    { index: 1, message: 'zip takes a text file, but order gives ordered record bytes; put split before zip' },
  ]);
  t.strictSame(misfits(source('record'), [validate, split, zip, sink(['file'])], operators), [
    {
      index: 1,
      message: 'split takes ordered record bytes, but validate gives a plain record; put order before split',
    },
  ]);
  t.strictSame(misfits(source('bytes'), [sink(['file'])], operators), [
    { index: 0, message: 'to takes a packed file, but from gives ordered record bytes; put split and zip before to' },
  ]);
});

t.test('one slip is told once, and an unknown component is not held against its neighbours', async (t) => {
  t.equal(misfits(source('record'), [zip, sink(['file'])], operators).length, 1);
  t.strictSame(misfits(source('record'), [undefined, zip, sink(['file'])], operators), []);
});
