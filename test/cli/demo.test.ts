import { readFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import t from 'tap';
import { iovpipe } from '../support/cli.js';

t.test('demo plays the day, proves it and leaves what design promises', async (t) => {
  const folder = t.testdir();
  const words = ['demo', '--out', 'out', '--records', '30', '--photos', '6', '--bytes-max', '20_000', '--seed', '7'];
  const { code, stdout, stderr } = await iovpipe(words, folder);
  t.equal(code, 0, stderr);
  t.match(stdout, 'sent and answered with success: 30 accounts, 30 vehicles; not: 0\n');
  t.match(stdout, 'every message is in exactly one daily file and in the monthly one, as it was sent: all right\n');
  t.match(stdout, 'commands answered with pictures and contract: 6\n');
  t.match(
    stderr,
    'messages over TLS and pictures over SFTP (T1): 66 of 66\n',
    'plain lines where there is no terminal',
  );
  t.notMatch(stderr, /Warning/);

  const out = join(folder, 'out');
  const sent = readFileSync(join(out, 'oem', 'sent.ndjson'), 'utf8')
    .trim()
    .split('\n');
  t.equal(sent.length, 60);
  t.strictSame(Object.keys(JSON.parse(sent[0] ?? '{}')), ['kind', 'requestId', 'detail']);
  const { t1, t2 } = JSON.parse(readFileSync(join(out, 'demo.json'), 'utf8'));
  t.match(t1.account, /^https:\/\/127\.0\.0\.1:\d+\/t1\/account$/);
  t.match(t1.vehicle, /\/t1\/vehicle$/);
  t.ok(isAbsolute(t1.ca) && isAbsolute(t2.sftp.privateKey), 'paths are absolute');
  t.match([t1.cipher.key, t2.cipher.key], [/^[0-9a-f]{32}$/, /^[0-9a-f]{32}$/], 'keys are hex');

  const again = await iovpipe(['demo', '--out', 'out', '--records', '5'], folder);
  t.equal(again.code, 0, 'what an earlier demo left is removed');
  t.equal(
    readFileSync(join(out, 'oem', 'sent.ndjson'), 'utf8')
      .trim()
      .split('\n').length,
    10,
  );
});

t.test('demo touches no folder that holds something else, and takes no wrong number', async (t) => {
  const folder = t.testdir({ mine: { 'thesis.txt': 'years of work' } });
  const wrong: [string[], RegExp][] = [
    [['--out', 'mine'], /--out: .*mine holds something that no demo left there; name an empty or a new folder/],
    [['--records', '0'], /--records: expected a whole number from 1 to 10000000, got "0"/],
    [['--bytes-max', 'lots'], /--bytes-max: expected a whole number from 10000 to 100000000, got "lots"/],
    [['--seed', '-1'], /--seed/],
    [['--log', 'loud'], /--log: expected debug/],
  ];
  for (const [words, message] of wrong) {
    const { code, stderr } = await iovpipe(['demo', ...words], folder);
    t.equal(code, 64, words.join(' '));
    t.match(stderr, message);
  }
  t.equal(readFileSync(join(folder, 'mine', 'thesis.txt'), 'utf8'), 'years of work');
});
