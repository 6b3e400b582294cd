import { execFile } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { commands } from '../../cli/commands.js';
import { iovpipe } from '../support/cli.js';

const run = promisify(execFile);
t.setTimeout(300_000);
const folder = t.testdir({ 'site.yaml': '', 'a file.yaml': '', keys: {} });

/** Each is made once. */
const scripts = new Map<string, Promise<string>>();

function script(shell: string): Promise<string> {
  const made = scripts.get(shell) ?? make(shell);
  scripts.set(shell, made);
  return made;
}

async function make(shell: string): Promise<string> {
  const { code, stdout, stderr } = await iovpipe(['completion', shell], folder);
  if (code !== 0) throw new Error(stderr);
  const path = join(folder, `.completion.${shell}`);
  writeFileSync(path, stdout);
  return path;
}

/** What a real bash offers for a line whose last word is being typed. */
async function offered(...words: string[]): Promise<string[]> {
  const ask = `source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _iovpipe; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout } = await run('bash', ['--norc', '-c', ask, 'bash', await script('bash'), 'iovpipe', ...words], {
    cwd: folder,
  });
  return stdout.split('\n').filter((word) => word !== '');
}

t.test('bash completes every command', async (t) => {
  const all = await offered('');
  for (const name of Object.keys(commands)) t.ok(all.includes(name), name);
  t.strictSame(await offered('ver'), ['version']);
});

t.test('bash completes options, their words, and files', async (t) => {
  t.strictSame(await offered('graph', '--f'), ['--format']);
  t.strictSame(await offered('graph', '--format', ''), ['mermaid', 'dot', 'svg']);
  t.strictSame(await offered('check', 's'), ['site.yaml']);
  t.strictSame(await offered('status', '--file', 's'), ['site.yaml']);
  t.strictSame(await offered('demo', '--records', ''), [], 'a number is left to whoever types');
  t.strictSame(await offered('run', '--log', 's'), ['silent']);
  t.strictSame(await offered('run', '--log-format', ''), ['json', 'pretty']);
  t.strictSame(await offered('dead', '--log', 's'), ['silent']);
  t.strictSame(await offered('dead', 'r'), ['retry']);
  t.ok((await offered('list', 'sp')).includes('split'));
  t.strictSame(await offered('init', 'o'), ['operator', 'oem']);
  t.ok((await offered('help', 'gr')).includes('graph'));
  t.strictSame(await offered('nonsense', ''), []);
});

t.test('every option of every command is offered', async (t) => {
  for (const [name, { load }] of Object.entries(commands)) {
    const { command } = await load();
    const found = await offered(name, '--');
    t.strictSame(found.sort(), [...Object.keys(command.options), 'help'].map((option) => `--${option}`).sort(), name);
  }
});

for (const shell of ['zsh', 'fish']) {
  t.test(
    `${shell} reads its script`,
    { skip: existsSync(`/usr/bin/${shell}`) ? false : `${shell} is not installed` },
    async () => {
      await run(shell, ['-n', await script(shell)]);
    },
  );

  t.test(`the script of ${shell} has every command, and quotes in pairs`, async (t) => {
    const stdout = readFileSync(await script(shell), 'utf8');
    for (const name of Object.keys(commands)) t.match(stdout, name);
    for (const line of stdout.split('\n')) t.equal(line.replaceAll("\\'", '').split("'").length % 2, 1, line);
  });
}

t.test('another shell is a wrong use', async (t) => {
  t.equal((await iovpipe(['completion', 'tcsh'], folder)).code, 64);
});
