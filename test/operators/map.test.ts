import t from 'tap';
import { spec } from '../../operators/map.js';
import { operator } from '../support/kernel.js';

const mapped = async (options: object, value: object) => (await (await operator(spec, options))(value)).value;

t.test('removes, renames, fills in and sets, in that order', async (t) => {
  const options = { remove: ['x'], rename: { a: 'b', x: 'y' }, default: { b: 'default', d: '0' }, set: { s: '1' } };
  t.same(await mapped(options, { a: 'A', x: 'X', d: '', s: 'old' }), { b: 'A', d: '0', s: '1' });
  t.same(await mapped(options, {}), { b: 'default', d: '0', s: '1' });
});

t.test('a field without a value, as a joined record has many, takes no other’s place', async (t) => {
  t.same(await mapped({ rename: { a: 'b' } }, { a: 'A', b: undefined }), { b: 'A' });
  t.strictSame(Object.keys((await mapped({}, { a: 'A', b: undefined })) as object), ['a']);
});

t.test('a renamed field keeps its place, and what is not named stays', async (t) => {
  const value = await mapped({ rename: { two: 'deux' } }, { one: 1, two: 2, three: 3 });
  t.same(Object.keys(value as object), ['one', 'deux', 'three']);
  t.same(await mapped({}, { a: { b: [1] } }), { a: { b: [1] } });
});

t.test('two fields can change names', async (t) => {
  t.same(await mapped({ rename: { a: 'b', b: 'a' } }, { a: 1, b: 2 }), { a: 2, b: 1 });
});

t.test('the value it was given stays as it was, and no prototype is reached', async (t) => {
  const given = Object.freeze({ a: 1 });
  const value = await mapped({ rename: { a: '__proto__' } }, given);
  t.same(Object.keys(value as object), ['__proto__']);
  t.equal(Object.getPrototypeOf(value), Object.prototype);
});
