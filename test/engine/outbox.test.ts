import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { tidyOutbox } from '../../engine/outbox.js';
import { testStore } from '../support/testStore.js';

t.test('after a crash the outbox keeps what is still to be delivered, and nothing else of ours', async (t) => {
  const { store, path } = await testStore(t);
  const outbox = join(path, '../outbox');
  mkdirSync(outbox);
  for (const baseName of ['KH_CMD-1_0002', 'KH_CMD-2_0002', 'KH_CMD-3_0002']) {
    const plan = { baseName, records: 1, textBytes: 9, iv: 'ab', mtimeMs: 1, state: 'planned' as const };
    store.planFile({ plan, fromPosition: 0, toPosition: 0 });
    await store.filePacked(baseName, { packedName: `${baseName}.bin`, path: '/x', bytes: 5, sm3: 'ee' });
  }
  await store.fileUploading('KH_CMD-2_0002');
  await store.fileDelivered('KH_CMD-3_0002', '/upload/KH_CMD-3_0002.bin');
  const { pid: dead } = spawnSync('true');
  const kept = ['KH_CMD-1_0002.bin', 'KH_CMD-2_0002.bin', `${process.ppid}-a.part`, 'somebody-else.bin'];
  const removed = ['KH_CMD-3_0002.bin', `${dead}-b.part`, `${process.pid}-c.part`];
  for (const name of [...kept, ...removed]) writeFileSync(join(outbox, name), '');
  await tidyOutbox(outbox, store);
  t.same(readdirSync(outbox).sort(), kept.sort());
});
