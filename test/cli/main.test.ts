import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { commands } from '../../cli/commands.js';
import { iovpipe } from '../support/cli.js';

const folder = t.testdir();

t.test('help names every command, and each has its own page', async (t) => {
  for (const words of [[], ['help'], ['--help']]) {
    const { code, stdout, stderr } = await iovpipe(words, folder);
    t.equal(code, 0);
    t.equal(stderr, '');
    for (const name of Object.keys(commands)) t.match(stdout, `\n  ${name}`);
  }
  for (const [name, { load }] of Object.entries(commands)) {
    const { command } = await load();
    t.ok(command.usage.startsWith(name), `${name}: the usage begins with it`);
    for (const option of Object.keys(command.options))
      t.match(command.help, `--${option}`, `${name} explains --${option}`);
  }
  const { stdout } = await iovpipe(['check', '--help'], folder);
  t.match(stdout, /^usage: iovpipe check \[FILE\]/);
});

t.test('a wrong command line is told, and ends with 64', async (t) => {
  const wrong: [string[], string | RegExp][] = [
    [['chek'], 'iovpipe: expected a command, got "chek"; did you mean "check"?'],
    [['check', '--jsn'], "iovpipe: Unknown option '--jsn'"],
    [['check', 'a', 'b'], 'iovpipe: check takes at most 1 words, got 2'],
    [['trace'], 'iovpipe: trace expects a RequestID'],
    [['dead', 'show', 'x'], 'usage: iovpipe dead'],
    [['run', '--cutoff', '2022111600'], '--cutoff and --again go with --once NAME'],
    [['help', 'lst'], 'did you mean "list"?'],
  ];
  for (const [words, expected] of wrong) {
    const { code, stdout, stderr } = await iovpipe(words, folder);
    t.equal(code, 64, words.join(' '));
    t.equal(stdout, '');
    t.match(stderr, expected);
  }
});

t.test('run starts nothing with a pipeline file that is wrong', async (t) => {
  const { code, stderr } = await iovpipe(['run', 'none.yaml'], folder);
  t.equal(code, 1);
  t.match(stderr, 'none.yaml:1:1 expected a pipeline file, got nothing');
});

t.test('list shows every component, or one with its options', async (t) => {
  const { stdout } = await iovpipe(['list'], folder);
  t.match(stdout, /^Sources\n[\s\S]*\nOperators\n[\s\S]*\n {2}split +Writes ordered records/);
  const split = await iovpipe(['list', 'split'], folder);
  t.match(split.stdout, '- `bytesMax` (a whole number from 1000 to 100000000; default 100000000)');
  const unknown = await iovpipe(['list', 'splt'], folder);
  t.equal(unknown.code, 1);
  t.match(unknown.stderr, 'did you mean "split"?');
  const json = await iovpipe(['list', 'split', '--json'], folder);
  t.match(JSON.parse(json.stdout), [{ role: 'operator', name: 'split' }]);
});

t.test('schema is a JSON schema, version a version', async (t) => {
  t.match(JSON.parse((await iovpipe(['schema'], folder)).stdout), { type: 'object', definitions: { operator: {} } });
  t.match((await iovpipe(['version'], folder)).stdout, /^\d+\.\d+\.\d+\n$/);
});

t.test('a reader that closes the pipe early is no failure', async (t) => {
  const main = fileURLToPath(new URL('../../cli/main.js', import.meta.url));
  const script = `"${process.execPath}" "${main}" schema | head -c 1; echo " \${PIPESTATUS[0]}"`;
  const out = await new Promise<string>((resolve) => {
    execFile('bash', ['-c', script], (_error, stdout, stderr) => resolve(stdout + stderr));
  });
  t.equal(out, '{ 0\n');
});
