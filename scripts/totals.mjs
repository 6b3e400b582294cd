// Adds up the closing lines of several runs: `node totals.mjs STATUS LOG [STATUS LOG …]`. A run that failed, or ended without
// its closing line, counts as at least one failure.
import { readFileSync } from 'node:fs';

const CLOSING = /^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$/gm;
const sums = { passed: 0, failed: 0, skipped: 0 };
const given = process.argv.slice(2);
for (let at = 0; at < given.length; at += 2) {
  const [status, log] = [Number(given[at]), given[at + 1]];
  const last = [...readFileSync(log, 'utf8').matchAll(CLOSING)].at(-1);
  const [passed, failed, skipped] = (last ?? []).slice(1).map((text) => Number(text ?? 0));
  sums.passed += passed ?? 0;
  sums.skipped += skipped ?? 0;
  sums.failed += Math.max(failed ?? 0, status === 0 && last ? 0 : 1);
}
process.stdout.write(`${sums.passed} passed, ${sums.failed} failed${sums.skipped > 0 ? `, ${sums.skipped} skipped` : ''}\n`);
process.exitCode = sums.failed === 0 && sums.passed > 0 ? 0 : 1;
