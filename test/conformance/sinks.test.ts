import t from 'tap';
import type { Sink } from '../../contract/component.js';
import type { Connection } from '../../contract/connection.js';
import { componentsOf } from '../../engine/registry.js';
import { opensAndCloses } from './checks.js';
import { canBeHere, world } from './world.js';

for (const spec of componentsOf('sink').filter(canBeHere)) {
  t.test(`sink ${spec.name} closes before it was opened, and twice`, async (t) => {
    const { create } = await world(t);
    t.strictSame(await opensAndCloses(async () => (await create(spec)) as Sink), []);
    t.ok(((await create(spec)) as Sink).concurrency >= 1, 'some writes may be under way');
  });
}

for (const spec of componentsOf('connection').filter(canBeHere)) {
  t.test(`connection ${spec.name} closes before it was opened, and twice`, async (t) => {
    const { create } = await world(t);
    t.strictSame(await opensAndCloses(async () => (await create(spec)) as Connection), []);
  });
}
