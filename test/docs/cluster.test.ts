import { execFile } from 'node:child_process';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { pageOf } from '../support/page.js';
import { shippedPipelines } from '../support/shippedSite.js';

t.test('the block makes each topic that the shipped files name, as they need it', async (t) => {
  const [block = '', ...more] = pageOf('docs/cluster.md').blocks('sh');
  t.same(more, []);
  const folder = t.testdir();
  for (const tool of ['kafka-topics.sh', 'iovpipe']) {
    writeFileSync(join(folder, tool), `#!/bin/sh\necho "${tool} $*" >> "${folder}/calls"\n`);
    chmodSync(join(folder, tool), 0o755);
  }
  const env = { ...process.env, PATH: `${folder}${delimiter}${process.env.PATH}` };
  await promisify(execFile)('sh', ['-euc', block], { cwd: folder, env });
  const calls = readFileSync(join(folder, 'calls'), 'utf8').trim().split('\n');
  const made = calls.flatMap((call) => /--create --topic (\S+)/.exec(call)?.[1] ?? []);

  const text = ['cluster', 'cluster-join']
    .map((name) => JSON.stringify(shippedPipelines(`pipelines/${name}.yaml`)))
    .join();
  const named = [...text.matchAll(/"topics?":(?:"([^"]+)"|\["([^"]+)"\])/g)].map(
    ([, one, other]) => one ?? other ?? '',
  );
  t.ok(named.length > 3);
  t.same([...new Set([...named, 'iovpipe-lanes'])].sort(), made.sort());
  t.match(
    calls.filter((call) => call.includes('--topic iovpipe-lanes')),
    [/--partitions 20 /],
  );
  for (const call of calls.filter((call) => call.startsWith('kafka') && !call.includes('iovpipe-lanes')))
    t.match(call, /message\.timestamp\.type=LogAppendTime/);
  t.match(calls.at(-1), 'iovpipe migrate pipelines/cluster.yaml');
});
