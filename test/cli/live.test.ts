import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { cleanEnvironment } from '../support/cleanEnvironment.js';
import { iovpipe } from '../support/cli.js';
import { IovpipeProcess } from '../support/iovpipeProcess.js';
import { watchedOperator } from '../support/watchedOperator.js';
import { within } from '../support/within.js';

const MAIN = fileURLToPath(new URL('../../cli/main.js', import.meta.url));

/** A command that shows on and on. */
function watching(words: readonly string[], folder: string) {
  const child = spawn(process.execPath, [MAIN, ...words], { cwd: folder, env: cleanEnvironment(), timeout: 300_000 });
  let begun = false;
  const began = once(child.stdout, 'data').then(() => {
    begun = true;
    child.stdout.resume();
  });
  const stderr = text(child.stderr);
  const ended = once(child, 'close').then(async ([code]) => ({ code: code as number, stderr: await stderr }));
  return { began, ended, hasBegun: () => begun };
}

t.test('top shows what the daemon does, once or on and on', async (t) => {
  const { folder, send, daemon } = await watchedOperator(t);
  await send('R-1');
  const look = await iovpipe(['top', '--once', '--json'], folder);
  t.equal(look.code, 0, look.stderr);
  const [intake] = JSON.parse(look.stdout).pipelines;
  t.match(intake, { name: 'accounts-in', running: true, arrived: 1, underWay: 0, failures: {} });
  t.match(
    intake.parts.map(({ name, items }: { name: string; items: number }) => [name, items]),
    [
      ['authenticate', 1],
      ['decrypt', 1],
      ['limitCards', 1],
      ['join', 1],
      ['order', 1],
      ['archive', 1],
    ],
  );
  const page = await iovpipe(['top', '--once'], folder);
  t.match(page.stdout, /pipeline +state +in\/s/);
  t.match(page.stdout, /accounts-in +waits/);
  t.notMatch(page.stdout, '\x1b', 'no terminal, no escape codes');

  daemon.signal('SIGTERM');
  t.match(await daemon.ended, { code: 0 }, 'it ends though it was watched');
  const nobody = await iovpipe(['top'], folder);
  t.equal(nobody.code, 2);
  t.match(nobody.stderr, /control\.sock: no daemon runs there; start it with `iovpipe run`/);
});

t.test('who watches a daemon that stops, or is killed, is told that it has ended', async (t) => {
  t.setTimeout(600_000);
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    const { folder, daemon, send } = await watchedOperator(t);
    const top = watching(['top', '--json'], folder);
    const tap = watching(['tap', 'accounts-in', '--json'], folder);
    await within(60_000, 'a look', top.began);
    const sending = (async () => {
      while (!tap.hasBegun()) await send('R-1');
    })();
    await within(60_000, 'a tapped item', tap.began);
    await sending;
    daemon.signal(signal);
    t.match(await within(60_000, 'the end of top', top.ended), { code: 0, stderr: 'iovpipe: the daemon has ended\n' });
    t.match(await within(60_000, 'the end of tap', tap.ended), {
      code: 0,
      stderr: /^iovpipe: nothing more comes .*\n$/,
    });
    await daemon.ended;
  }
});

t.test('a daemon takes the control socket of one that was killed', async (t) => {
  const { folder, daemon } = await watchedOperator(t);
  daemon.signal('SIGKILL');
  await daemon.ended;
  const next = new IovpipeProcess(['run'], folder);
  t.teardown(() => next.signal('SIGKILL'));
  await next.ready();
  t.equal((await iovpipe(['top', '--once'], folder)).code, 0);
});

t.test('tap shows items as they pass, masked', async (t) => {
  const { folder, send } = await watchedOperator(t);
  let told = false;
  const tapped = iovpipe(['tap', 'accounts-in.decrypt', '--count', '1', '--json'], folder).finally(() => {
    told = true;
  });
  // a caller that sends again and again hears the same answer, and the tap hears it too
  const sending = (async () => {
    while (!told) await send('R-1');
  })();
  const { code, stdout, stderr } = await within(60_000, 'a tapped item', tapped);
  await sending;
  t.equal(code, 0, stderr);
  const item = JSON.parse(stdout);
  t.match(item, { shape: 'record', tags: { requestId: 'R-1', platformId: 'OEM-1', code: 'WBA0' } });
  t.match(item.value, { CustomerName: '张*', CustomerCertNumber: /^110\*+2X$/, MSISDN: /\*{3}/ });
  t.notMatch(stdout, /张三|11010519491231002X|1440012345678|89860012345678901234/);

  const wrong: [string, RegExp][] = [
    ['accounts-on', /no pipeline is called "accounts-on"; there are: accounts-in, cards-in, accounts-daily/],
    [
      'accounts-in.decript',
      /accounts-in has no operator "decript"; it has: authenticate, decrypt, limitCards, join, order/,
    ],
  ];
  for (const [at, message] of wrong) t.match(await iovpipe(['tap', at], folder), { code: 64, stderr: message });
  t.match(await iovpipe(['tap'], folder), { code: 64, stderr: /usage: iovpipe tap/ });
  t.match(await iovpipe(['tap', 'accounts-in', '--count', '0'], folder), { code: 64 });
});

t.test('check refuses a dashboard that others can reach without a token', async (t) => {
  const { folder } = await watchedOperator(t);
  const { readFileSync, writeFileSync } = await import('node:fs');
  const text = readFileSync(`${folder}/pipeline.yaml`, 'utf8');
  const check = async (dashboard: string) => {
    writeFileSync(`${folder}/other.yaml`, text.replace(/^dashboard: .*$/m, `dashboard: ${dashboard}`));
    return iovpipe(['check', 'other.yaml'], folder);
  };
  t.match(await check('{ listen: "0.0.0.0:9464" }'), {
    code: 1,
    stderr: /dashboard\.listen: expected a token, or a loopback address .*got "0\.0\.0\.0:9464" without a token/,
  });
  t.match(await check('{ listen: "0.0.0.0:9464", token: "in the file, for all to see" }'), {
    code: 1,
    stderr: /expected a secret/,
  });
  t.match(await check('{ listen: "0.0.0.0:9464", token: "${secret:token}" }'), { code: 0, stderr: '' });
  t.match(await check('{}'), { code: 0, stderr: '' });
});
