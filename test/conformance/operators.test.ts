import fc from 'fast-check';
import t from 'tap';
import type { Kernel, OperatorSpec } from '../../contract/component.js';
import type { Shape } from '../../contract/item.js';
import { componentsOf } from '../../engine/registry.js';
import { accountMessage } from '../support/messages.js';
import { cardRecord, registration } from '../support/records.js';
import { acknowledgesEarly, claimsWhenBroken, neverFlushes, swallows } from './broken/kernels.js';
import { givesUpWhenBroken, line, opensAndCloses, settlesOnce } from './checks.js';
import { world } from './world.js';

const SEED = Number(process.env.IOVPIPE_SEED ?? 202235);
const RUNS = 8;
t.comment(`seed ${SEED}`);

const iccid = fc.constantFrom('89860412101880000012', '89860412101880000020', '89860412101880000038', '', 7);
/** A good record with its card changed and a field gone, or something that is no record of ours. */
const record = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .tuple(fc.constantFrom(registration(), cardRecord()), iccid)
      .map(([fields, ICCID]) => ({ ...fields, ICCID })),
  },
  fc.dictionary(fc.string({ maxLength: 5 }), fc.constantFrom<unknown>('', 'x', 1, null, ['a'], { b: 1 }), {
    maxKeys: 4,
  }),
);
const message = fc.oneof(
  fc.tuple(fc.integer({ min: 0, max: 9 }), record).map(([id, inside]) => accountMessage(`R-${id}`, {}, inside)),
  fc
    .tuple(fc.integer({ min: 0, max: 9 }), record)
    .map(([id, EncryptUserInfo]) => accountMessage(`R-${id}`, { EncryptUserInfo })),
  fc.constant(accountMessage('R', { Auth: undefined })),
  record,
);
const items: Partial<Record<Shape, fc.Arbitrary<unknown>>> = {
  message,
  record,
  bytes: record.map(line),
  // without content: who passes a text file on has no hand in it
  text: fc
    .tuple(fc.integer({ min: 1, max: 40 }), fc.constantFrom('delivered', 'packed', undefined))
    .map(([sequence, state]) => ({
      sequence,
      plan: Promise.resolve({ baseName: `KH_0002_2022111600_P_${sequence}` }),
      known: state && { state },
      discard: () => undefined,
    })),
  file: fc
    .constantFrom('KH_0002_2022111600_P_000001end.bin', 'x.bin', '')
    .map((name) => ({ name, path: `/nowhere/${name}`, bytes: 3, sm3: '' })),
};
const valuesFor = (spec: OperatorSpec) =>
  fc.array(fc.oneof(...spec.takes.flatMap((shape) => items[shape] ?? [])), { minLength: 1, maxLength: 25 });

/** Operators that are kernels; steps of packing run in the packer, which its own tests look at. */
const kernels = componentsOf('operator').filter((spec) => !spec.worker);

for (const spec of kernels) {
  t.test(`${spec.name} settles each receipt once, or passes it on`, async (t) => {
    const property = fc.asyncProperty(valuesFor(spec), async (values) => {
      const { create, store } = await world(t);
      const problems = await settlesOnce((await create(spec)) as Kernel, values, store);
      if (problems.length > 0) throw new Error(problems.join('; '));
    });
    await t.resolves(fc.assert(property, { seed: SEED, numRuns: RUNS }));
  });

  t.test(`${spec.name} acknowledges nothing when the run breaks, and closes twice`, async (t) => {
    for (const values of fc.sample(valuesFor(spec), { seed: SEED, numRuns: 3 })) {
      const { create, store } = await world(t);
      t.strictSame(await givesUpWhenBroken((await create(spec)) as Kernel, values, store), []);
    }
    const { create } = await world(t);
    t.strictSame(await opensAndCloses(async () => (await create(spec)) as Kernel), []);
  });
}

t.test('worker steps are plain data, and say so', async (t) => {
  const { create } = await world(t);
  for (const spec of componentsOf('operator').filter(({ worker }) => worker)) {
    const step = await create(spec);
    t.strictSame(structuredClone(step), step, spec.name);
    t.type((step as { worker?: string }).worker, 'string');
  }
});

t.test('the checks have teeth', async (t) => {
  const { create, store } = await world(t);
  const values = Array.from({ length: 5 }, (_, number) => ({ number }));
  const kernel = async (spec: OperatorSpec) => (await create(spec)) as Kernel;
  const settled = async (spec: OperatorSpec) => settlesOnce(await kernel(spec), values, store);
  t.match(await settled(swallows), ['item 1 was never settled', 'item 3 was never settled']);
  t.match(await settled(acknowledgesEarly), ['item 0 was passed on, and settled before it arrived']);
  t.match(await settled(neverFlushes), ['item 3 was never settled', 'item 4 was never settled']);
  t.match(await givesUpWhenBroken(await kernel(claimsWhenBroken), values, store), [
    'item 0 was acknowledged by closing',
  ]);
});
