// Runs the compiled tests and prints the totals. Arguments choose test files: `npm test -- dist/test/notice`.
import { spawn } from 'node:child_process';
import { createWriteStream, mkdirSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Parser } from 'tap-parser';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));

const chosen = process.argv.slice(2);
const files = (chosen.length > 0 ? chosen : ['dist/test']).flatMap(testFiles);
const totals = { passed: 0, failed: 0, skipped: [] };
const status = await run(files, totals);
for (const name of totals.skipped) process.stdout.write(`skipped: ${name}\n`);
if (status !== 0 && totals.failed === 0) totals.failed = 1;
const skips = totals.skipped.length > 0 ? `, ${totals.skipped.length} skipped` : '';
process.stdout.write(`${totals.passed} passed, ${totals.failed} failed${skips}\n`);
process.exitCode = totals.failed === 0 ? 0 : 1;

function testFiles(path) {
  if (!statSync(path).isDirectory()) return [path];
  const names = readdirSync(path, { recursive: true }).map((name) => join(path, name));
  return names.filter((name) => name.endsWith('.test.js')).sort();
}

/** One line a test file, the whole story of each failure, and the raw output in test-results/tests.tap. */
function run(files, totals) {
  mkdirSync('test-results', { recursive: true });
  const options = ['--disable-coverage', '--allow-empty-coverage', '--timeout=900', '--jobs=2', '--reporter=tap'];
  const tap = spawn(process.execPath, ['node_modules/.bin/tap', ...options, ...files], { stdio: ['ignore', 'pipe', 'inherit'] });
  const parser = new Parser();
  parser.on('child', (file) => follow(file, file.name.replace(/^dist\//, ''), totals));
  tap.stdout.pipe(createWriteStream('test-results/tests.tap'));
  tap.stdout.pipe(parser);
  return new Promise((resolve) => tap.once('close', resolve));
}

/** Counts what a test file asserts at any depth; a parent that repeats its children's verdict is not counted again. */
function follow(file, name, totals) {
  const own = { passed: 0, failed: 0 };
  const listen = (parser, path) => {
    const children = new Set();
    parser.on('child', (child) => {
      children.add(child.name);
      listen(child, [...path, child.name]);
    });
    parser.on('assert', (result) => {
      if (result.skip) totals.skipped.push(`${name}: ${result.name}${result.skip === true ? '' : ` (${result.skip})`}`);
      else if (result.ok) own.passed += children.has(result.name) ? 0 : 1;
      else {
        if (!children.has(result.name)) own.failed += 1;
        process.stdout.write(`FAILED ${name}: ${[...path, result.name].join(' > ')}\n${JSON.stringify(result.diag ?? {}, null, 2)}\n`);
      }
    });
  };
  listen(file, []);
  file.on('complete', (results) => {
    if (!results.ok && own.failed === 0) own.failed = 1;
    totals.passed += own.passed;
    totals.failed += own.failed;
    process.stdout.write(`${results.ok ? 'ok' : 'FAILED'} ${name}: ${own.passed} passed, ${own.failed} failed\n`);
  });
}
