import t from 'tap';
import type { Kernel, OperatorSpec } from '../../contract/component.js';
import { components, componentsOf } from '../../engine/registry.js';
import { astray, boasts } from './broken/kernels.js';
import { examplesHold, fitsIntoChains } from './checks.js';
import { world } from './world.js';

for (const spec of components) {
  t.test(`${spec.role} ${spec.name} can be part of a chain`, async (t) => {
    t.strictSame(fitsIntoChains(spec, components), []);
  });
}

t.test('the examples of operators do what they say', async (t) => {
  const { create } = await world(t);
  let ran = 0;
  for (const spec of componentsOf('operator')) {
    ran += spec.examples.filter(({ input, output }) => input && output).length;
    t.strictSame(await examplesHold(spec, async (options) => (await create(spec, options)) as Kernel), [], spec.name);
  }
  t.ok(ran >= 7, `${ran} examples ran`);
});

t.test('the checks have teeth', async (t) => {
  const { create } = await world(t);
  const make = (spec: OperatorSpec) => async (options: object) => (await create(spec, options)) as Kernel;
  t.match(fitsIntoChains(astray, components), ['takes picture, which nobody gives']);
  t.match(await examplesHold(boasts, make(boasts)), [/^Upper case: expected .*"X".*, got .*"x"/]);
});
