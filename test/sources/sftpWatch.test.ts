import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { IovError } from '../../contract/error.js';
import { sm3Hex } from '../../crypto/digest.js';
import { spec } from '../../sources/sftpWatch.js';
import { bareContext, keptLog } from '../support/bareContext.js';
import { FaultProxy } from '../support/faultProxy.js';
import { type OpenSsh, startOpenSsh } from '../support/openssh.js';
import { sftpClient } from '../support/sftpClient.js';
import { testStore } from '../support/testStore.js';
import { watching } from '../support/watching.js';

const server = await startOpenSsh();
const skip = server ? false : 'no OpenSSH server here (apt-get install openssh-server)';

t.test('a directory of a real OpenSSH', { skip }, async (t) => {
  if (!server) return;
  t.teardown(() => server.stop());
  await tests(t, server);
});

async function tests(t: Test, openssh: OpenSsh): Promise<void> {
  const { directory } = openssh;
  t.afterEach(() => {
    for (const name of readdirSync(directory)) rmSync(join(directory, name), { recursive: true });
  });
  const put = (name: string, content: string | Buffer) => {
    writeFileSync(join(directory, `${name}.tmp`), content);
    renameSync(join(directory, `${name}.tmp`), join(directory, name));
  };
  /** A watch over a line that may misbehave, with a real ledger; what is started on it again finds what was noted. */
  const place = async (t: Test, options: object = {}, connection: object = {}) => {
    const { store, path } = await testStore(t);
    const spool = join(path, '../spool');
    const proxy = await FaultProxy.start(openssh);
    const log = keptLog();
    const client = await sftpClient({ ...openssh, port: proxy.port }, connection, log);
    t.teardown(() => Promise.all([client.close(), proxy.stop()]));
    const context = bareContext({ directory: spool, store, log, connections: { maker: client } });
    const start = () => watching(spec, { on: 'maker', directory, spool, pollMs: 20, ...options }, context);
    const spooled = () => readdirSync(spool).sort();
    return { start, proxy, log, spool, spooled, store };
  };

  t.test('what is complete comes as a local file, and leaves the spool when it has arrived', async (t) => {
    for (const handled of ['keep', 'remove']) {
      const { start, spool, spooled } = await place(t, { handled, match: ['*.bin'] });
      mkdirSync(spool);
      writeFileSync(join(spool, 'left.bin.tmp'), 'of an earlier run');
      writeFileSync(join(directory, 'half.bin.tmp'), 'half');
      const contents = { 'a.bin': randomBytes(500_000), 'b.bin': randomBytes(10), 'c.bin': randomBytes(0) };
      for (const [name, content] of Object.entries(contents)) put(name, content);
      put('d.txt', 'no match');
      const first = await start();
      const items = await first.take(3);
      for (const [at, [name, content]] of Object.entries(contents).entries()) {
        const value = { name, path: join(spool, name), bytes: content.length, sm3: sm3Hex(content) };
        t.match(items[at], { origin: `sftp ${name}`, value });
        t.ok(readFileSync(value.path).equals(content));
      }
      items[0]?.receipt.arrived();
      items[1]?.receipt.failed(new IovError('FILE_INVALID', 'its reason is in the dead letters'));
      await first.stop(); // in the middle of the third
      t.same(spooled(), ['c.bin', 'refused']);
      const [refused = ''] = readdirSync(join(spool, 'refused'));
      t.match(refused, /^\d{17}_b\.bin$/, 'a failed file keeps its bytes, for `dead retry`');
      t.ok(readFileSync(join(spool, 'refused', refused)).equals(contents['b.bin']));
      t.equal(existsSync(join(directory, 'a.bin')), handled === 'keep');
      const second = await start();
      const again = await second.next();
      t.equal(again.value.name, 'c.bin', 'what was not handled comes again');
      again.receipt.arrived();
      put('e.bin', 'e');
      t.equal((await second.next()).value.name, 'e.bin', 'and nothing else does');
      await second.stop();
      const kept = handled === 'keep' ? ['a.bin', 'b.bin', 'c.bin'] : [];
      t.same(readdirSync(directory).sort(), [...kept, 'd.txt', 'e.bin', 'half.bin.tmp'], handled);
      for (const name of readdirSync(directory)) rmSync(join(directory, name));
    }
  });

  t.test('other content under a name that has been handled comes again', async (t) => {
    const { start } = await place(t);
    const watch = await start();
    put('a.bin', 'one');
    (await watch.next()).receipt.arrived();
    put('a.bin', 'other');
    t.equal((await watch.next()).value.sm3, sm3Hex('other'));
    await watch.stop();
  });

  t.test('a server that is away, hangs up in the middle of a file, and falls silent, is waited for', async (t) => {
    const { start, proxy, log, spooled } = await place(
      t,
      { handled: 'remove' },
      { operationTimeoutMs: 2_000, replaceAfterMs: 20 },
    );
    proxy.cutAfter = () => (proxy.total < 3 ? 1 : Number.POSITIVE_INFINITY); // hangs up on the first three
    const content = randomBytes(2_000_000);
    put('a.bin', content);
    let cuts = 0;
    proxy.swallowReply = () => {
      const isInTheMiddle = cuts < 2 && spooled().includes('a.bin.tmp');
      if (isInTheMiddle) cuts += 1;
      return isInTheMiddle;
    };
    const watch = await start();
    const item = await watch.next();
    t.equal(item.value.sm3, sm3Hex(content));
    t.equal(cuts, 2, 'it was cut in the middle of the file');
    proxy.stalled = true;
    proxy.once('connection', () => {
      proxy.stalled = false;
    });
    item.receipt.arrived(); // and removed, once the silence is over
    put('b.bin', 'b');
    t.equal((await watch.next()).value.name, 'b.bin');
    await watch.stop();
    t.same(readdirSync(directory), ['b.bin']);
    t.ok(log.lines.some(({ fields }) => 'code' in fields && fields.code === 'SFTP_TIMEOUT'));
  });

  t.test('one connection does for any number of files, and a file that goes away costs none', async (t) => {
    const { start, proxy } = await place(t, { concurrency: 20, handled: 'remove' }, { connections: 1 });
    for (let at = 0; at < 60; at += 1) put(`${at}.bin`, randomBytes(1_000));
    const watch = await start();
    const first = await watch.next();
    for (const name of readdirSync(directory).slice(50)) rmSync(join(directory, name));
    first.receipt.arrived();
    const names = new Set([first.value.name]);
    put('last.bin', 'x');
    for (let name = ''; name !== 'last.bin'; names.add(name)) {
      const item = await watch.next();
      name = item.value.name;
      item.receipt.arrived();
    }
    await watch.stop();
    t.ok(names.size >= 50, `${names.size} came`);
    t.equal(proxy.total, 1);
    t.same(readdirSync(directory), [], 'each was removed once it had arrived');
  });

  t.test('a directory that is not there breaks the run and says so', async (t) => {
    const { start } = await place(t, { directory: join(directory, 'missing') });
    const watch = await start();
    await t.rejects(watch.next(), { code: 'SFTP_REFUSED', message: /no such file or directory/ });
    await watch.stop();
  });
}
