import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { Lanes } from '../../connections/lanesConnection.js';
import type { SftpConnection } from '../../connections/sftpConnection.js';
import { FaultProxy } from '../support/faultProxy.js';
import { startKafka } from '../support/kafka.js';
import { lanesOf } from '../support/lanes.js';
import { type OpenSsh, startOpenSsh } from '../support/openssh.js';
import { type LocalFile, outbox, sftpClient } from '../support/sftpClient.js';
import { until } from '../support/until.js';
import { within } from '../support/within.js';

const MS = 90_000;
const signal = new AbortController().signal;

const kafka = await startKafka();
if (kafka) t.teardown(() => kafka.stop());
const ssh = await startOpenSsh();
if (ssh) t.teardown(() => ssh.stop());
const skip = kafka && ssh ? false : 'no Kafka or OpenSSH';
t.setTimeout(600_000);

/** Our client, whose connections are those of the lanes. */
async function clientOf(t: Test, server: OpenSsh, lanes: Lanes, connections = 20): Promise<SftpConnection> {
  const client = await sftpClient(server, { lanes, connections });
  t.teardown(() => client.close());
  return client;
}

t.test('connections by lanes', { skip }, async (t) => {
  if (!kafka || !ssh) return;
  const deliver = (client: SftpConnection, file: LocalFile, sequence: number) =>
    client.deliver(file, ssh.directory, file.name, { sequence, onUploading: async () => undefined, signal });

  t.test('as many connections as lanes are held, and none for files of other lanes', async (t) => {
    const topic = await kafka.topic(3);
    const { lanes } = await lanesOf(t, kafka, topic);
    const proxy = await FaultProxy.start(ssh);
    t.teardown(() => proxy.stop());
    const client = await clientOf(t, { ...ssh, port: proxy.port }, lanes);
    const files = await outbox(join(t.testdir({}), 'outbox'), 9, 50_000);
    await within(MS, 'all of them', Promise.all(files.map((file, index) => deliver(client, file, index + 1))));
    t.equal(proxy.most, 3);
    t.equal(client.concurrency, 3);

    const other = await lanesOf(t, kafka, topic);
    await until('both have some', () => lanes.held.size > 0 && other.lanes.held.size > 0, { ms: MS });
    t.equal(proxy.open, 0, 'all were closed before any lane went');
    const again = files.map((file, index) => ({ file, sequence: index + 1 }));
    const theirs = again.filter(({ sequence }) => other.lanes.held.has(lanes.laneOf(sequence)));
    const ours = again.filter(({ sequence }) => lanes.held.has(lanes.laneOf(sequence)));
    const [bytes, most] = [proxy.bytes, lanes.held.size];
    for (const { file, sequence } of theirs)
      await t.rejects(deliver(client, file, sequence), { code: 'LANE_LOST', message: /its lane has gone to another/ });
    t.equal(proxy.bytes, bytes, 'nothing was sent for them');
    proxy.most = 0;
    await within(MS, 'ours', Promise.all(ours.map(({ file, sequence }) => deliver(client, file, sequence))));
    t.equal(proxy.most, most);
  });

  t.test('when the lease runs out in the middle of a file nothing more is sent; later it arrives', async (t) => {
    const { control } = kafka;
    if (!control) return t.comment('the broker was offered; it is not ours to stop');
    const { lanes } = await lanesOf(t, kafka, await kafka.topic(1));
    const proxy = await FaultProxy.start(ssh);
    t.teardown(() => proxy.stop());
    const client = await clientOf(t, { ...ssh, port: proxy.port }, lanes);
    const [packed] = (await outbox(join(t.testdir({}), 'outbox'), 1, 30_000_000)) as [LocalFile];
    const file = { ...packed, name: 'KH_0002_2022111600_P_000099end.bin' };
    proxy.delayMs = 100;
    const delivering = deliver(client, file, 1);
    await until('it is under way', () => proxy.bytes > 300_000, { ms: MS });
    proxy.delayMs = 1_000; // so that it takes longer than the lease, however fast the machine
    await control.signal('SIGSTOP');
    t.teardown(() => control.signal('SIGCONT'));
    await until('the lease has run out', () => lanes.refusal() !== undefined, { ms: MS });
    await until('the connection is closed', () => proxy.open === 0, { ms: MS });
    const bytes = proxy.bytes;
    t.ok(bytes < file.bytes, 'in the middle');
    t.notOk((await readdir(ssh.directory)).includes(file.name));
    t.equal(proxy.bytes, bytes, 'nothing more is sent');
    proxy.delayMs = 0;
    await control.signal('SIGCONT');
    await within(MS, 'the file', delivering);
    t.ok((await readdir(ssh.directory)).includes(file.name));
  });

  t.test('more lanes than the server allows connections are refused', async (t) => {
    const { lanes } = await lanesOf(t, kafka, await kafka.topic(4));
    const client = await clientOf(t, ssh, lanes, 3);
    const [file] = (await outbox(join(t.testdir({}), 'outbox'), 1, 10)) as [LocalFile];
    await t.rejects(deliver(client, file, 1), { code: 'SFTP_REFUSED', message: /at most 3 lanes, got 4/ });
  });
});
