// `npm run bench [-- NAME …] [--short]`: each figure beside its floor in the same run. Exit 1 where a limit is broken.
import { cpus, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { startOpenSsh } from '../test/support/openssh.js';
import { chainBench } from './chain.js';
import { clusterBench } from './cluster.js';
import { commandsBench } from './commands.js';
import { connectionsBench } from './connections.js';
import { exportBench } from './export.js';
import { exportClickHouseBench } from './exportClickhouse.js';
import { intakeBench } from './intake.js';
import { kafkaBench } from './kafka.js';
import { liveBench } from './live.js';
import { type MixedSize, mixedBench } from './mixed.js';
import { picturesBench } from './pictures.js';
import { type Row, table } from './report.js';
import type { Server } from './site.js';

const PEAK_BYTES_MAX = 400_000_000;
/** Peak memory at the largest scale against that at 1×. */
const GROWTH_MAX = 1.15;

/** Ratios to reach, shown beside what was reached. */
const GOALS: Readonly<Record<string, number>> = {
  export: 0.8,
  'export-clickhouse': 0.8,
  chain: 0.7,
  intake: 0.7,
  pictures: 1,
  live: 0.97,
  cluster: 1 / 1.3,
  kafka: 0.6,
  'kafka-clickhouse': 0.6,
};

/** Ratios that a run must not fall below: they catch what has become slow, and leave room for a machine that shares its cores. */
const RATIO_MIN: Readonly<Record<string, number>> = {
  export: 0.35,
  'export-clickhouse': 0.3,
  chain: 0.18,
  intake: 0.4,
  pictures: 0.5,
  live: 0.85,
  cluster: 0.5,
  kafka: 0.25,
  'kafka-parsed': 0.05,
  'kafka-clickhouse': 0.25,
};

const MIXED: MixedSize = { seconds: 60, fileBytes: 15_000_000, albums: { count: 2_000, pictures: 1 } };
const MIXED_SHORT: MixedSize = { seconds: 10, fileBytes: 1_000_000, albums: { count: 300, pictures: 1 } };

const { values, positionals } = parseArgs({ options: { short: { type: 'boolean' } }, allowPositionals: true });
const short = values.short === true;
/** Where CI runs, others share the cores. */
const attemptsMax = short ? 2 : 1;

const benches: Readonly<Record<string, (server: Server) => Promise<Row[]>>> = {
  export: (server) => exportBench(server, short ? [1] : [1, 4, 16]),
  'export-clickhouse': (server) => exportClickHouseBench(server, short ? [200_000] : [200_000, 2_000_000]),
  chain: (server) => chainBench(server, short ? [1] : [1, 4, 16]),
  intake: () => intakeBench(short ? 4_000 : 16_000),
  commands: () => commandsBench(short ? 10 : 60, attemptsMax),
  'commands-mixed': (server) => mixedBench(server, short ? MIXED_SHORT : MIXED, attemptsMax),
  'commands-pictures': (server) => picturesBench(server, { count: short ? 60 : 2_000, pictures: 5 }),
  connections: () => connectionsBench(short ? 100 : 400),
  live: (server) => liveBench(server, short ? 60_000 : 150_000),
  cluster: (server) => clusterBench(server, short ? 100_000 : 2_000_000),
  kafka: () => kafkaBench(short ? 100_000 : 2_000_000),
};

const names = Object.keys(benches);
/** `commands` stands for `commands-mixed` as well. */
const chosen = (name: string) => positionals.some((word) => word === name || name.startsWith(`${word}-`));
const wanted = positionals.length > 0 ? names.filter(chosen) : names;
const unknown = positionals.filter((word) => !names.includes(word));
if (unknown.length > 0) {
  process.stderr.write(`bench: expected ${names.join(', ')}, got ${unknown.join(', ')}\n`);
  process.exit(64);
}
const server = await startOpenSsh();
if (!server) {
  process.stderr.write('bench: needs sshd; install openssh-server\n');
  process.exit(2);
}
const rows: Row[] = [];
try {
  for (const name of wanted) {
    process.stderr.write(`bench: ${name} …\n`);
    rows.push(...limited(await attempted(name, server)));
  }
} finally {
  await server.stop();
}
process.stdout.write(`${scope()}\n\n${table(rows)}\n`);
const broken = rows.filter((row) => row.broken.length > 0).length;
process.stdout.write(`${rows.length - broken} passed, ${broken} failed\n`);
process.exitCode = broken === 0 ? 0 : 1;

/** A bench that breaks is a row that says so; the others go on. */
async function attempted(name: string, server: Server): Promise<Row[]> {
  try {
    return (await benches[name]?.(server)) ?? [];
  } catch (thrown) {
    const message = thrown instanceof Error ? thrown.message.split('\n')[0] : String(thrown);
    return [{ bench: name, scale: '', figure: '', floor: '', broken: [`did not run: ${message}`] }];
  }
}

/** Adds to each row which limits it breaks. */
function limited(rows: readonly Row[]): Row[] {
  return rows.map((row) => {
    const first = rows.find(({ bench }) => bench === row.bench)?.peakBytes;
    const found = [...row.broken];
    const least = RATIO_MIN[row.bench];
    // nor is it one that is no number: where nothing was measured nothing was reached
    if (row.ratio !== undefined && least !== undefined && !(row.ratio >= least)) found.push(`ratio below ${least}`);
    if (row.peakBytes !== undefined && row.peakBytes > PEAK_BYTES_MAX) found.push('peak RSS above 400 MB');
    if (row.peakBytes !== undefined && first !== undefined && row.peakBytes > first * GROWTH_MAX)
      found.push('memory grows with the work');
    const goal = row.ratio === undefined ? undefined : GOALS[row.bench];
    return { ...row, broken: found, ...(goal !== undefined && { goal }) };
  });
}

function scope(): string {
  const { openssl, v8 } = process.versions;
  return [
    `Node ${process.version}, OpenSSL ${openssl}, V8 ${v8}; ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB; zip level 6, SM4-CBC, OpenSSH on loopback.`,
    'Floor: the same primitives in a plain loop on all cores, in this run; intake and commands: a bare node:https echo and the same client; pictures: zip, openssl and sftp; live: the same chain, uncounted; kafka: a bare consumer that parses.',
    'Each line is one run in a process of its own; ratios are to be compared, absolute figures belong to this machine.',
  ].join('\n');
}
