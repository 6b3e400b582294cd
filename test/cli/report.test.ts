import t from 'tap';
import { iovpipe } from '../support/cli.js';
import { AFTER_DEADLINE_MS, type Regulator, regulator } from '../support/regulator.js';
import { accounts, album, batch, cipher, JPG, lines, vehicles } from '../support/sentFiles.js';
import { DAY_16_MS, HOUR_MS } from '../support/testStore.js';

const KH = { content: 'KH', code: '0002' } as const;

/** Sends batches with these records each, at once. */
async function send({ receive }: Regulator, window: string, ...files: readonly (readonly string[])[]): Promise<void> {
  const extension = window.startsWith('KH') ? 'bin' : 'zip';
  for (const [index, records] of files.entries()) {
    const end = index === files.length - 1 ? 'end' : '';
    const name = `${window}_${String(index + 1).padStart(6, '0')}${end}.${extension}`;
    await receive(name, await batch(name, lines(records)));
  }
}

/** A day on which everything is as it should be. */
async function goodDay(to: Regulator): Promise<void> {
  await send(to, 'KH_0002_2022111500_P', accounts(0, 3));
  await send(to, 'CL_LSV1_2022111500_P', vehicles(0, 2));
  to.clock.set(DAY_16_MS + HOUR_MS);
  await send(to, 'KH_0002_2022111600_P', accounts(3, 6), accounts(6, 8));
  await send(to, 'KH_0002_2022111600_F', accounts(0, 6), accounts(6, 8));
  await send(to, 'CL_LSV1_2022111600_P', []);
  await send(to, 'CL_LSV1_2022111600_F', vehicles(0, 2));
}

const states = (to: Regulator, question: object = {}) =>
  to
    .report(question)
    .windows.map(({ content, type, state, faults }) => [`${content} ${type} ${state}`, ...faults].join(': '));

t.test('a good day is green, for people and for scripts', async (t) => {
  const to = await regulator(t);
  await goodDay(to);
  await to.store.close();
  const words = ['report', '--archive', to.path, '--day', '20221116'];
  const page = await iovpipe(words, '.');
  t.equal(page.stderr, '');
  t.equal(page.code, 0);
  t.match(page.stdout, /^20221116: all green; 4 of 4 windows on time and right\n/);
  t.match(page.stdout, /CMCC +KH_0002_2022111600_P +on time +2 +5 +2022-11-16 01:00:00/);
  t.match(page.stdout, /CMCC +CL_LSV1_2022111600_F +on time +1 +2 +2022-11-16 01:00:00/);
  const json = await iovpipe([...words, '--json'], '.');
  t.match(JSON.parse(json.stdout), {
    day: '20221116',
    green: true,
    windows: [{ sender: 'CMCC', content: 'KH', code: '0002', cutoff: '2022111600', type: 'P', state: 'onTime' }],
    wrong: [],
  });

  const expecting = await iovpipe([...words, '--expect', 'KH_0002,CL_LFV2'], '.');
  t.equal(expecting.code, 1);
  t.match(expecting.stdout, /^20221116: NOT in order; 4 of 6 windows/);
  t.match(expecting.stdout, /- +CL_LFV2_2022111600_P +MISSING +0/);
});

t.test('what is missing, incomplete or late is told, and how late', async (t) => {
  const to = await regulator(t);
  await goodDay(to);
  to.clock.set(DAY_16_MS + 26 * HOUR_MS);
  await send(to, 'KH_0002_2022111700_P', accounts(8, 9));
  t.same(states(to, { day: '20221117' }), ['KH P onTime', 'CL P open'], 'at two in the morning there is time left');
  to.clock.set(DAY_16_MS + 31 * HOUR_MS);
  t.same(states(to, { day: '20221117' }), ['KH P onTime', 'CL P missing']);
  await send(to, 'CL_LSV1_2022111700_P', vehicles(2, 3));
  t.same(states(to, { day: '20221117' }), ['KH P onTime', 'CL P late: complete 2 h 0 min late']);
  const name = 'KH_0002_2022111800_P_000002.bin';
  await to.receive(name, await batch(name, lines(accounts(9, 10))));
  t.same(states(to, { day: '20221118', nowMs: DAY_16_MS + 54 * HOUR_MS }), [
    'KH P incomplete: missing: 000001: no file says end; the last that came is 000002',
    'CL P missing',
  ]);
  t.notOk(to.report({ day: '20221118', nowMs: DAY_16_MS + 54 * HOUR_MS }).green);
});

t.test('whoever begins with a full file sends daily ones from the next day on', async (t) => {
  const to = await regulator(t);
  await send(to, 'KH_0002_2022111400_F', accounts(0, 3));
  to.clock.set(AFTER_DEADLINE_MS);
  t.same(states(to, { day: '20221114' }), ['KH F late: complete 19 h 0 min late']);
  t.same(states(to, { day: '20221115' }), ['KH P missing']);
  t.same(states(to), ['KH P missing', 'KH F missing'], 'and a full one on the 16th');
  t.same(states(to, { day: '20221113' }), [], 'before it had come nothing was expected');
  t.same(states(to, { day: '20221113', expected: [KH] }), ['KH P missing'], 'unless it is asked for by name');
});

t.test('a full file is held against every daily one up to it, also where that comes after it', async (t) => {
  const to = await regulator(t);
  to.clock.set(DAY_16_MS + HOUR_MS);
  await send(to, 'KH_0002_2022111600_F', accounts(0, 6));
  t.same(states(to), ['KH F onTime']);
  await send(to, 'KH_0002_2022111500_P', accounts(0, 3), accounts(6, 7));
  await send(to, 'KH_0002_2022111600_P', accounts(3, 6), accounts(7, 9));
  await send(to, 'KH_0002_2022111700_P', accounts(9, 12));
  t.same(states(to), ['KH P onTime', 'KH F onTime: lacks 3 records of its P windows']);
});

t.test('a refused file is told with its letter, and no longer once a right one has come', async (t) => {
  const to = await regulator(t);
  to.clock.set(DAY_16_MS + HOUR_MS);
  const name = 'KH_0002_2022111600_P_000001end.bin';
  const content = await batch(name, lines(accounts(0, 3)));
  await to.receive(name, content.subarray(0, -16));
  await to.receive('hello.bin', content);
  to.clock.set(AFTER_DEADLINE_MS);
  t.match(to.report({ expected: [KH] }), {
    green: false,
    windows: [
      { state: 'missing', faults: [`${name} was refused (dead letter 1)`] },
      { type: 'F', state: 'missing' },
    ],
    wrong: [
      { file: name, origin: `sftp cmcc/${name}`, code: 'UNDECRYPTABLE' },
      { file: 'hello.bin', code: 'FILE_INVALID' },
    ],
  });
  await to.receive(name, content);
  t.match(to.report().wrong, [{ file: 'hello.bin' }]);
  t.same(to.report({ day: '20221115' }).wrong, [], 'each on its day');
  await to.store.close();
  const { code, stdout } = await iovpipe(['report', '--archive', to.path, '--day', '20221116'], '.');
  t.equal(code, 1);
  t.match(
    stdout,
    /refused files: 1 .*\n +2 +sftp cmcc\/hello\.bin: FILE_INVALID hello\.bin: expected the name of a batch/,
  );
});

t.test('commands of the day: asked, answered in six hours, late, missing, failed', async (t) => {
  const to = await regulator(t);
  const due = (requestId: string) => ({
    name: `KH_${requestId}_0002`,
    ...KH,
    requestId,
    iccid: '89860412101880000012',
    withinMs: 6 * HOUR_MS,
  });
  const ask = (...ids: string[]) => to.store.commit(ids.map((id) => (transaction) => transaction.addDueFile(due(id))));
  const answer = async (id: string) =>
    to.receive(`KH_${id}_0002.bin`, await album(cipher, [`KH_${id}_0002_001.jpg`, JPG]));
  await ask('CMD-0');
  to.clock.set(DAY_16_MS);
  await ask('CMD-1', 'CMD-2', 'CMD-3', 'CMD-4');
  await to.store.commit([(transaction) => transaction.dueFileFailed('KH_CMD-4_0002', 'no such card', true)]);
  to.clock.set(DAY_16_MS + 6 * HOUR_MS);
  await answer('CMD-1');
  to.clock.set(DAY_16_MS + 7 * HOUR_MS);
  await answer('CMD-2');
  await ask('CMD-5');
  const report = to.report();
  t.same(report.commands, [{ ...KH, asked: 5, inTime: 1, late: 1, missing: 1, failed: 1, open: 1 }]);
  t.match(
    report.notInTime.map(({ name, state }) => [name, state]),
    [
      ['KH_CMD-2_0002', 'delivered'],
      ['KH_CMD-3_0002', 'open'],
      ['KH_CMD-4_0002', 'failed'],
    ],
  );
  t.notOk(report.green);
  t.match(to.report({ day: '20221115' }).commands, [{ asked: 1, missing: 1 }], 'those of the day before are its own');
  await to.store.close();
  const { code, stdout } = await iovpipe(['report', '--archive', to.path, '--day', '20221116'], '.');
  t.equal(code, 1);
  t.match(stdout, /KH_CMD-2_0002: was due at 2022-11-16 06:00:00, 2022-11-16 07:00:00/);
  t.match(stdout, /KH_CMD-4_0002: was due at 2022-11-16 06:00:00, given up: no such card/);
  t.notMatch(stdout, /8986/, 'no card on the screen');
});

t.test('of many files that did not come the page says how many there are, and how many are named', async (t) => {
  const to = await regulator(t);
  const ids = Array.from({ length: 150 }, (_, index) => `CMD-${index}`);
  const due = { ...KH, iccid: '89860412101880000012', withinMs: 6 * HOUR_MS };
  await to.store.commit(
    ids.map((requestId) => (transaction) => {
      transaction.addDueFile({ ...due, name: `KH_${requestId}_0002`, requestId });
    }),
  );
  await to.store.close();
  const { stdout } = await iovpipe(['report', '--archive', to.path, '--day', '20221115'], '.');
  t.match(stdout, /… and 110 more; `--json` has the first 100\n/);
});

t.test('files of two senders are apart, also under the same names', async (t) => {
  const to = await regulator(t);
  const name = 'CL_LSV1_2022111600_P_000001end.zip';
  await to.receive(name, await batch(name, lines(vehicles(0, 2))));
  const other = { sender: 'CUCC', content: 'CL', code: 'LSV1', bytes: 1, sm3: 'other', count: 0 } as const;
  const part = { cutoff: '2022111600', type: 'P', sequence: 1, end: true } as const;
  await to.store.commit([
    (transaction) => void transaction.receiveFile({ ...other, name, batch: part, receivedAt: DAY_16_MS }),
  ]);
  const windows = to.report().windows.filter(({ type }) => type === 'P');
  t.match(
    windows.map(({ sender, files }) => [sender, files]),
    [
      ['CMCC', 1],
      ['CUCC', 1],
    ],
  );
});

t.test('a question that cannot be answered is told how to ask', async (t) => {
  const to = await regulator(t);
  await to.store.close();
  const ask = (...words: string[]) => iovpipe(['report', '--archive', to.path, ...words], '.');
  for (const day of ['20221131', '2022-11-16', 'today']) {
    const { code, stderr } = await ask('--day', day);
    t.equal(code, 64);
    t.match(stderr, `--day: expected a day as YYYYMMDD, got "${day}"`);
  }
  const wrong = await ask('--expect', 'HT_0002');
  t.equal(wrong.code, 64);
  t.match(wrong.stderr, /--expect: expected kinds and codes as KH_0002,CL_LSV1, got "HT_0002"/);
  const nothing = await ask('--day', '20221116');
  t.equal(nothing.code, 1, 'nothing is no proof that all is well');
  t.match(nothing.stdout, /nothing was received, asked for or expected; `--expect KH_0002` says what must come/);
});
