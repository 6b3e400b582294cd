import t from 'tap';
import { release } from '../../workers/release.js';

t.test('memory that is given back is gone at once, not at the next garbage collection', async (t) => {
  const bytes = Buffer.alloc(8_000_000, 1);
  const before = process.memoryUsage().arrayBuffers;
  release(bytes.subarray(0, 100));
  t.equal(bytes.length, 0);
  t.ok(process.memoryUsage().arrayBuffers <= before - 8_000_000);
});

t.test('what shares a buffer with others stays', async (t) => {
  const [one, other] = [Buffer.from('one'), Buffer.from('other')];
  release(one);
  t.equal(`${one} ${other}`, 'one other');
});
