import { readdirSync } from 'node:fs';
import { dirname } from 'node:path';
import t from 'tap';
import { IovError } from '../../contract/error.js';
import { oneLine } from '../../contract/oneLine.js';
import { OpenFile } from '../../workers/openFile.js';
import { Packer } from '../../workers/packer.js';
import { TextContent } from '../../workers/textContent.js';
import { testStore } from '../support/testStore.js';
import { until } from '../support/until.js';

t.test('what was being packed when its run was broken off leaves nothing in the outbox', async (t) => {
  const { store, path } = await testStore(t);
  const outbox = dirname(path);
  const packer = new Packer(store, outbox);
  t.teardown(() => packer.close());
  const parts = () => readdirSync(outbox).filter((name) => name.endsWith('.part'));
  const file = new OpenFile(new TextContent('lines', 1_000_000), 1, undefined);
  file.append(oneLine(Buffer.alloc(600_000, 'x')), 0, 1, [1, 1]); // more of it is yet to come
  const run = new AbortController();
  const packing = packer.pack(file, [{ worker: 'zip', level: 6 }], run.signal);
  await until('a worker writes it', () => parts().length > 0);
  run.abort(new IovError('STOPPED', 'the run is broken off'));
  await t.rejects(packing, { code: 'STOPPED' });
  t.same(parts(), []);
});
