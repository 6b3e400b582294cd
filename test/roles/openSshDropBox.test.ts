import { execFile } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import t, { type Test } from 'tap';
import type { JsonObject } from '../../contract/tags.js';
import { type Agreed, agree } from '../../demo/agreed.js';
import { operator, type RoleSite, regulator } from '../../demo/roles.js';
import { signNature } from '../../notice/signature.js';
import { iovpipe } from '../support/cli.js';
import { type OpenSsh, startOpenSsh } from '../support/openssh.js';
import { picture, put } from '../support/pictures.js';
import { startRole } from '../support/role.js';
import { until } from '../support/until.js';
import { within } from '../support/within.js';

const MAKER = 'LSV1';
const ICCID = '89860022123456789012';
const ANSWER_MS = 60_000;

t.setTimeout(300_000);
const ssh = await startOpenSsh();
if (ssh) t.teardown(() => ssh.stop());
const skip = ssh ? false : 'no OpenSSH server here (apt-get install openssh-server)';

/** Everything that a car maker needs besides an HTTPS server for commands: what its administrator has in a shell. */
const SHELL = `set -euo pipefail
sign() { printf %s "$1" | openssl dgst -sm3 -r | cut -d ' ' -f 1; }
bytes() { printf "$(printf %s "$1" | sed 's/../\\\\x&/g')"; }
seal() { local iv; iv=$(openssl rand -hex 16); bytes "$iv"; openssl enc -sm4-cbc -K "$T1_KEY" -iv "$iv"; } # the IV in front
post() { curl --silent --show-error --max-time 30 --cacert "$CA" "$1" --data-binary @-; }

register() { # REQUEST_ID
  local sealed; sealed=$(printf %s "$DETAIL" | seal | base64 -w 0)
  post "$T1_URL" <<< '{"OperType":"1","Auth":{"PlatformID":"'"$T1_ID"'","SignNature":"'"$(sign "$T1_ID$T1_PASSWORD")"'"},"RequestID":"'"$1"'","Code":"'"$CODE"'","EncryptUserInfo":"'"$sealed"'"}'
}
command() { # REQUEST_ID, as the regulator
  post "$T2_URL" <<< '{"Auth":{"PlatformID":"'"$T2_ID"'","SignNature":"'"$(sign "$T2_ID$T2_PASSWORD")"'"},"RequestID":"'"$1"'","OperatorID":"0002","ICCID":"'"$ICCID"'"}'
}
album() { # NAME PICTURE…
  local name=$1 number=0; shift; mkdir "$name"
  for picture; do number=$((number + 1)); cp "$picture" "$(printf '%s/%s_%03d.jpg' "$name" "$name" $number)"; done
  (cd "$name"; zip -q "../$name.zip" ./*)
  seal < "$name.zip" > "$name.bin"
}
upload() { # NAME…
  [ -s known_hosts ] || ssh-keyscan -T 30 -p "$SFTP_PORT" 127.0.0.1 > known_hosts 2> keyscan.log
  for name; do printf 'put %s.bin %s.bin.tmp\\nrename %s.bin.tmp %s.bin\\n' "$name" "$BOX/$name" "$BOX/$name" "$BOX/$name"; done |
    sftp -q -F none -i sftp.key -o BatchMode=yes -o IdentitiesOnly=yes -o IdentityAgent=none \\
      -o UserKnownHostsFile=known_hosts -P "$SFTP_PORT" -b - "$SFTP_USER@127.0.0.1"
}
names() { # FILE KEY
  tail -c +17 "$1" | openssl enc -d -sm4-cbc -K "$2" -iv "$(head -c 16 "$1" | od -An -tx1 | tr -d ' \\n')" > opened.zip
  unzip -Z1 opened.zip
}
`;

/** A registration of table 8. */
const DETAIL = JSON.stringify({
  MSISDN: '1440012345678',
  ICCID,
  VehicleStatus: '4',
  AcceptTime: '20261115120000',
  CustomerType: '1',
  CustomerName: '张三',
  CustomerCertType: '01',
  CustomerCertNumber: '11010519491231002X',
  CustomerCertAddress: '北京市朝阳区建国路1号',
  CustomerCertDate: '20200101-20400101',
});

t.test('a car maker with a shell: curl, zip, openssl and sftp to the operator’s own OpenSSH', { skip }, async (t) => {
  if (!ssh) return;
  const folder = t.testdir({});
  const box = join(ssh.directory, 'oem');
  mkdirSync(box);
  const agreed = await agree({ folder, bytesMax: 100_000_000, makers: [MAKER] });
  const sh = await shell(t, join(folder, 'shell'), agreed, ssh, box);
  const commands = await commandChannel(t, agreed);

  const contract = picture('jpg', 30_000);
  put(join(folder, 'operator', 'contracts', ICCID), { 'page.jpg': contract });
  const asked = { RequestID: 'CMD-1', OperatorID: '0002', ICCID };
  put(join(folder, 'regulator'), { 'commands.ndjson': Buffer.from(`${JSON.stringify(asked)}\n`) });
  const theRegulator = await startRole(t, regulator(agreed));
  const theOperator = await startRole(t, onOpenSsh(operator(agreed), box));
  const inbox = join(folder, 'regulator', 'inbox');

  await t.test('pictures of a registration are kept with its card', async (t) => {
    t.same(JSON.parse(await sh('register REG-1')), { RequestID: 'REG-1', OprRst: '1' });
    t.match(theOperator.store.dueFile(`KH_REG-1_${MAKER}`), { state: 'open' });
    const sent = await sh(`album KH_REG-1_${MAKER} face.jpg; upload KH_REG-1_${MAKER}`);
    const name = `KH_REG-1_${MAKER}.bin`;
    await theOperator.log.says('pictures are kept', { file: name });
    const kept = readFileSync(join(folder, 'operator/var/pictures', ICCID, name));
    t.ok(kept.equals(readFileSync(join(folder, 'shell', name))), `byte for byte; ${sent}`);
    t.match(theOperator.store.dueFile(`KH_REG-1_${MAKER}`), { state: 'delivered' });
    t.notOk(readdirSync(box).includes(name), 'moved, not copied');
  });

  await t.test('a command by curl: the operator’s album in the inbox, and the car maker is asked', async (t) => {
    t.same(JSON.parse(await sh('command CURL-1')), { RequestID: 'CURL-1', OprRst: '1' });
    t.same(await commands.next(), { RequestID: 'CURL-1', Code: MAKER, ICCID });
    await theRegulator.log.says('received', { file: 'KH_CURL-1_0002.bin' });
    const listed = await sh(`names ${inbox}/KH_CURL-1_0002.bin "$T2_KEY"`);
    t.same(listed.trim().split('\n'), ['KH_CURL-1_0002_001.jpg', 'KH_CURL-1_0002_002.jpg'], 'contract, then photo');
  });

  await t.test('one that the regulator’s own pipeline sends', async (t) => {
    await theRegulator.engine.once('commands-out', {});
    t.same(await commands.next(), { RequestID: 'CMD-1', Code: MAKER, ICCID });
    await theRegulator.log.says('received', { file: 'KH_CMD-1_0002.bin' });
    t.match(theRegulator.store.dueFile('KH_CMD-1'), { state: 'delivered' });
  });

  await t.test('contracts by sftp pass unopened to the regulator, who verifies them', async (t) => {
    const names = [`HT_CURL-1_${MAKER}`, `HT_CMD-1_${MAKER}`];
    await sh(names.map((name) => `album ${name} contract.jpg face.jpg contract.jpg`).join('; '));
    await sh(`upload ${names.join(' ')}`);
    for (const name of names) {
      const file = `${name}.bin`;
      await theRegulator.log.says('file verified', { file, count: 3 });
      await theRegulator.log.says('received', { file });
      t.ok(readFileSync(join(inbox, file)).equals(readFileSync(join(folder, 'shell', file))), 'byte for byte');
      await theOperator.log.says('delivered', { file });
      t.match(theOperator.store.dueFile(name), { state: 'delivered' }, 'fulfilled at the operator');
    }
    t.match(theRegulator.store.dueFile('HT_CMD-1'), { state: 'delivered' }, 'fulfilled at the regulator');
  });

  await t.test('everything that was due is there, and a person sees it', async (t) => {
    await until('all is noted', () =>
      theOperator.store.status().dueFiles.every(({ open, asked }) => open + asked === 0),
    );
    const at = (words: string[], { archive }: { archive: string }) => iovpipe([...words, '--archive', archive], folder);
    t.match((await at(['status'], theOperator)).stdout, /files due: 0\n.*dead letters: 0\n/s);
    t.match((await at(['status'], theRegulator)).stdout, /files due: 0\n.*dead letters: 0\n/s);
    const { stdout } = await at(['trace', 'CURL-1'], theOperator);
    t.match(stdout, /asked +LSV1 has been asked for HT_CURL-1_LSV1\n/);
    t.match(stdout, /delivered +HT_CURL-1_LSV1/);
    t.match(stdout, /delivered +KH_CURL-1_0002/);
    t.notMatch(`${stdout}${JSON.stringify([theOperator.log.lines, theRegulator.log.lines])}`, ICCID);
  });
});

/** The shipped pipeline file with another source of `pictures-in`: a line in place of the embedded server, whose directory it is. */
function onOpenSsh({ site, changes }: RoleSite, box: string): RoleSite {
  const embedded = / {4}source: [^\n]*\n {6}sftpServer:\n(?: {8}[^\n]*\n)+/;
  if (!embedded.test(site.pipeline)) throw new Error('the shipped pipeline file has no embedded drop box');
  const pipeline = site.pipeline
    .replace(embedded, `    source: { directoryWatch: { directory: ${box}, except: ["HT_*"] } }\n`)
    .replace('"var/t1/{login}"', box);
  const { 'host.key': _, ...secrets } = site.secrets;
  const { 'logins.yaml': __, ...files } = site.files;
  return { site: { ...site, pipeline, secrets, files: { ...files, 'cards.ndjson': '' } }, changes };
}

/** Runs a line in bash, with the functions above, in a folder with two pictures and the login's key. */
async function shell(t: Test, folder: string, agreed: Agreed, server: OpenSsh, box: string) {
  put(folder, { 'face.jpg': picture('jpg', 40_000), 'contract.jpg': picture('jpg', 50_000) });
  writeFileSync(join(folder, 'sftp.key'), server.privateKey, { mode: 0o600 });
  writeFileSync(join(folder, 'ca.crt'), agreed.tls.ca);
  const { t1, t2, ports } = agreed;
  const env = {
    PATH: process.env.PATH,
    HOME: folder,
    CA: 'ca.crt',
    ...{ T1_URL: `https://127.0.0.1:${ports.operatorT1}/t1/account`, T1_ID: t1.platformId, T1_PASSWORD: t1.password },
    ...{ T2_URL: `https://127.0.0.1:${ports.operatorT2}/t2/command`, T2_ID: t2.platformId, T2_PASSWORD: t2.password },
    ...{ T1_KEY: t1.cipher!.key, T2_KEY: t2.cipher!.key, CODE: MAKER, ICCID, DETAIL },
    ...{ SFTP_PORT: String(server.port), SFTP_USER: server.username, BOX: box },
  };
  t.equal(statSync(join(folder, 'sftp.key')).mode & 0o077, 0, 'ssh takes no key that others can read');
  return (line: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const options = { cwd: folder, env, timeout: ANSWER_MS };
      execFile('bash', ['-c', `${SHELL}\n${line}`], options, (error, stdout, stderr) =>
        error ? reject(new Error(`${line}: ${error.message}\n${stderr}`)) : resolve(stdout),
      );
    });
}

/** All that the car maker runs: /t1/command, which answers with success. */
async function commandChannel(t: Test, { t1, tls, ports }: Agreed) {
  const taken = new EventEmitter<{ command: [JsonObject] }>();
  const waiting: JsonObject[] = [];
  taken.on('command', (message) => void waiting.push(message));
  const server = createServer({ cert: tls.cert, key: tls.key }, async (request, response) => {
    const { Auth, ...message } = JSON.parse(await text(request)) as JsonObject & { Auth: JsonObject };
    const { platformId, password } = t1;
    const isOurs = Auth.PlatformID === platformId && Auth.SignNature === signNature(platformId, password);
    const isRight = isOurs && request.url === '/t1/command' && request.method === 'POST';
    response.end(JSON.stringify({ RequestID: message.RequestID, OprRst: isRight ? '1' : '2' }));
    if (isRight) taken.emit('command', message);
  });
  server.listen(ports.makerCommands, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    async next(): Promise<JsonObject> {
      if (waiting.length === 0) await within(ANSWER_MS, 'the next command', once(taken, 'command'));
      return waiting.shift() ?? {};
    },
  };
}
