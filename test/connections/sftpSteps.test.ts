import t from 'tap';
import { freePort } from '../../demo/site.js';
import { outbox, sftpClient } from '../support/sftpClient.js';
import { within } from '../support/within.js';

t.test('each attempt is a step, also where no server is', async (t) => {
  const server = { host: '127.0.0.1', port: await freePort(), username: 'nobody', password: 'none', hostKey: 'any' };
  const client = await sftpClient(server, { delayMsMax: 20, replaceAfterMs: 100 });
  t.teardown(() => client.close());
  const [file] = await outbox(t.testdir(), 1, 10);
  const abort = new AbortController();
  let steps = 0;
  const delivering = client.deliver(file!, '/upload', file!.name, {
    onUploading: async () => undefined,
    onStep: () => {
      steps += 1;
      if (steps === 3) abort.abort();
    },
    signal: abort.signal,
  });
  await t.rejects(within(60_000, 'three attempts', delivering), { code: 'STOPPED' });
  t.equal(steps, 3);
});
