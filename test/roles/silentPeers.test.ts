import { appendFileSync, existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { statusPage } from '../../cli/status.js';
import { type Agreed, agree } from '../../demo/agreed.js';
import { type Made, make } from '../../demo/made.js';
import { maker, operator, type RoleSite, regulator } from '../../demo/roles.js';
import { freePort } from '../../demo/site.js';
import { type RunningRole, startRole } from '../support/role.js';
import { silentServer } from '../support/silentServer.js';
import { until } from '../support/until.js';

const RECORDS = 12;
/** More contracts than there are connections to the regulator, and buffers before them. */
const MANY = 70;

/** Three roles that have not been started, with registrations, pictures and a command for each card. */
async function site(t: Test, records = RECORDS): Promise<{ folder: string; agreed: Agreed; made: Made }> {
  const folder = t.testdir({});
  const made = make({ folder, seed: 5, records, photos: records }, () => undefined);
  return { folder, made, agreed: await agree({ folder, bytesMax: 100_000_000, makers: made.makers }) };
}

/** The role with other options of a connection, a component or a sink. */
function changed(
  { site, changes }: RoleSite,
  kind: keyof RoleSite['changes'],
  more: Readonly<Record<string, Readonly<Record<string, unknown>>>>,
): RoleSite {
  const of = { ...changes[kind] };
  for (const [name, options] of Object.entries(more)) of[name] = { ...of[name], ...options };
  return { site, changes: { ...changes, [kind]: of } };
}

const delivered = ({ store }: RunningRole, names: readonly string[]) =>
  names.every((name) => store.dueFile(name)?.state === 'delivered');

t.setTimeout(400_000);

t.test('a car maker whose command channel accepts and says nothing holds up no other', async (t) => {
  const { agreed, made } = await site(t);
  const [mute, ...talking] = made.makers;
  const silent = await silentServer(t, agreed.ports.makerCommands);
  const commands = await freePort();
  // two car makers: the one is asked where nobody answers, all others where the shipped role does
  const asking = (pipeline: string) => {
    const [, block = ''] = /\n( {2}contracts-asked:[^\n]*\n(?: {4}[^\n]*\n)+)/.exec(pipeline) ?? [];
    const from = 'peer: oem, until: asked';
    if (!block.includes(from)) throw new Error('the shipped pipeline file asks in another way');
    const of = (name: string, codes: readonly string[]) =>
      block.replace('contracts-asked', name).replace(from, `codes: [${codes.join()}], until: asked`);
    return pipeline.replace(block, of('contracts-asked', [mute!]) + of('contracts-asked-too', talking));
  };
  const given = changed(operator(agreed), 'sinks', {
    'contracts-asked': { timeoutMs: 300 },
    'contracts-asked-too': { url: `https://127.0.0.1:${commands}/t1/command` },
  });
  const theRegulator = await startRole(t, regulator(agreed));
  const asksBoth = { ...given.site, pipeline: asking(given.site.pipeline) };
  const theOperator = await startRole(t, { ...given, site: asksBoth });
  await startRole(t, changed(maker(agreed), 'connections', { t1: { listen: `127.0.0.1:${commands}` } }));
  await registered(theOperator);
  await theRegulator.engine.once('commands-out', {});

  const ofMute = made.asked.filter(({ code }) => code === mute);
  const others = made.asked.filter(({ code }) => code !== mute);
  t.ok(ofMute.length > 0 && others.length > 0, 'there are commands for both');
  const here = [
    ...made.asked.map(({ requestId }) => `KH_${requestId}`),
    ...others.map(({ requestId }) => `HT_${requestId}`),
  ];
  await until('all that others owe', () => delivered(theRegulator, here));
  const unanswered = /PEER_UNREACHABLE: https:\S+ .*(?:Connect Timeout|no answer within 300 ms)/;
  const reasons = () =>
    ofMute.map(({ requestId }) => theOperator.store.dueFile(`HT_${requestId}_${mute}`)?.reason ?? 'none');
  await until('the reason of each', () => reasons().every((reason) => unanswered.test(reason)), {
    instead: () => reasons().join('\n'),
  });
  t.match(theOperator.store.dueFile(`HT_${ofMute[0]?.requestId}_${mute}`), { state: 'open', askedAt: undefined });
  t.match(statusPage(theOperator.store.status()), new RegExp(`HT +${mute} +${ofMute.length} +0 +0 +0 +0`));
  const told = await theOperator.log.says('not answered, will be sent again', { pipeline: 'contracts-asked' });
  t.match(told.fields, { code: 'PEER_UNREACHABLE', reason: /Connect Timeout|no answer within 300 ms/ });
  t.ok(silent.callers() > 0);
});

t.test('while the regulator’s SFTP server accepts and says nothing, T1 and the commands go on', async (t) => {
  const { agreed, made, folder } = await site(t, MANY);
  const silent = await silentServer(t, agreed.ports.regulatorSftp);
  const impatient = { connectTimeoutMs: 5_000, retryDelayMsMin: 50, retryDelayMsMax: 300, alarmAfterAttempts: 3 };
  const theOperator = await startRole(t, changed(operator(agreed), 'connections', { regulator: impatient }));
  const theMaker = await startRole(t, maker(agreed));
  await registered(theOperator, MANY);
  const elsewhere = changed(regulator(agreed), 'components', {
    sftpServer: { listen: `127.0.0.1:${await freePort()}` },
  });
  const theRegulator = await startRole(t, elsewhere); // whose server cannot be reached, and who commands
  await theRegulator.engine.once('commands-out', {});

  const owed = made.asked.flatMap(({ requestId, code }) => [`KH_${requestId}_0002`, `HT_${requestId}_${code}`]);
  const dropped = made.asked.map(({ requestId, code }) =>
    join(folder, 'operator/var/t1/oem', `HT_${requestId}_${code}.bin`),
  );
  await until('every contract in the drop box', () => dropped.every((path) => existsSync(path)));
  const stuck = await theOperator.log.says('a file cannot be delivered; it is tried again');
  t.match(stuck, { level: 'error', fields: { file: /^(KH|HT)_CMD-/, attempt: 3, code: 'SFTP_TIMEOUT' } });
  t.notOk(owed.some((name) => theOperator.store.dueFile(name)?.state === 'delivered'));
  const [first] = made.asked;
  await until('the first album is packed', () => /packed KH_/.test(traceOf(theOperator, `${first?.requestId}`)));
  t.match(statusPage(theOperator.store.status()), new RegExp(`KH +0002 +${MANY} +0 +0 +0 +0`));
  t.same(theOperator.store.deadLetters(), [], 'nothing is given up');

  await t.test('pictures are kept all the while, however many contracts wait', async (t) => {
    const [code = ''] = agreed.t1.codes;
    const late = { requestId: 'LATE-1', code, iccid: '89860012345678901234' };
    const due = { ...late, name: `KH_LATE-1_${code}`, content: 'KH' as const, withinMs: 3_600_000 };
    await theOperator.store.commit([(transaction) => transaction.addDueFile(due)]);
    const [photographed = ''] = readdirSync(join(folder, 'oem/photos'));
    const line = { RequestID: late.requestId, Code: code, ICCID: photographed };
    appendFileSync(join(folder, 'oem/pictures.ndjson'), `${JSON.stringify(line)}\n`);
    await theMaker.engine.once('pictures-out', {});
    await until('the late pictures are kept', () => delivered(theOperator, [due.name]));
    t.equal(theOperator.store.dueFile(`HT_${first?.requestId}_${first?.code}`)?.state, 'asked', 'contracts still wait');
  });

  await silent.end();
  await t.test('and once it answers everything arrives', async (t) => {
    const known = await startRole(t, regulatorAt(agreed, folder));
    const names = owed.map((name) => `${name}.bin`);
    for (const file of names) await known.log.says('received', { file });
    await until('the operator knows', () => delivered(theOperator, owed));
    t.same(known.store.status().deadLetters, 0);
  });
});

/** Cards are joined, and the pictures of their registrations are kept. */
async function registered({ store }: RunningRole, records = RECORDS): Promise<void> {
  const kept = () => store.status().dueFiles.reduce((sum, file) => sum + file.delivered, 0);
  await until('registrations and their pictures', () => {
    return store.status().cards.complete === records && kept() === records;
  });
}

/** The regulator’s service where the operator looks for it, in a folder of its own. */
function regulatorAt(agreed: Agreed, folder: string): RoleSite {
  const { site, changes } = regulator(agreed);
  return { site: { ...site, folder: join(folder, 'regulator-again') }, changes };
}

const traceOf = ({ store }: RunningRole, key: string): string =>
  store
    .trace(key)
    .map(({ step, text }) => `${step} ${text}`)
    .join('\n');
