import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { archiveAt, type ClickHouse, newArchive, startClickHouse } from '../test/support/clickhouse.js';
import { Cluster, dayEndMs, isDelivered } from '../test/support/cluster.js';
import type { IovpipeProcess } from '../test/support/iovpipeProcess.js';
import { type Kafka, startKafka } from '../test/support/kafka.js';
import { measure } from './measure.js';
import type { Row } from './report.js';
import type { Server } from './site.js';

const HOUR_MS = 3_600_000;
const LIFETIME_MS = HOUR_MS;
/** Until the window is due: all daemons are up by then, and have shared the lanes. */
const BEFORE_MIDNIGHT_MS = 20_000;
const LANES = 20;
const DAEMONS = 3;
/** As the kernel counts a process's time. */
const TICKS_PER_SECOND = 100;

/**
 * What distribution costs: processor time of three daemons that deliver one window together, beside that of one daemon that
 * delivers the same window by itself; Kafka, ClickHouse and the SFTP server are not counted. Start-up is not, either.
 */
export async function clusterBench(server: Server, records: number): Promise<Row[]> {
  const [kafka, clickHouse] = [await startKafka(), await startClickHouse()];
  const folder = mkdtempSync(join(tmpdir(), 'iovpipe-bench-'));
  try {
    if (!kafka || !clickHouse) throw new Error('needs Kafka and ClickHouse');
    const filled = archiveAt(clickHouse.url, join(folder, 'filling.db'), {
      database: 'bench_cluster',
      batchDelayMs: 50,
    });
    const filling = { archive: filled, code: '0002', records, acceptedAt: dayEndMs() - HOUR_MS };
    const { bytes } = await measure<{ bytes: number }>('fillClickhouse', filling);
    const at = { folder, server, kafka, clickHouse, from: filled.database, bytes };
    const alone = await deliver(at, 1);
    const together = await deliver(at, DAEMONS);
    const perGb = ({ cpuSeconds }: { cpuSeconds: number }) => `${((cpuSeconds / bytes) * 1e9).toFixed(1)} CPU s/GB`;
    return [
      {
        bench: 'cluster',
        scale: `${records} records, ${Math.round(bytes / 1e6)} MB, ${DAEMONS} daemons in ${together.seconds.toFixed(0)} s, one in ${alone.seconds.toFixed(0)} s`,
        figure: perGb(together),
        floor: `${perGb(alone)} (one daemon)`,
        ratio: alone.cpuSeconds / together.cpuSeconds,
        broken: [],
      },
    ];
  } finally {
    await kafka?.stop();
    await clickHouse?.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

interface At {
  folder: string;
  server: Server;
  kafka: Kafka;
  clickHouse: ClickHouse;
  /** The database with the records. */
  from: string;
  bytes: number;
}

/** The same records in an archive of their own, delivered by so many daemons. */
async function deliver(at: At, daemons: number): Promise<{ cpuSeconds: number; seconds: number }> {
  const { folder, server, kafka, clickHouse } = at;
  const archive = await newArchive(clickHouse, join(folder, `admin-${daemons}.db`));
  await clickHouse.ask(`INSERT INTO ${archive.database}.records SELECT * FROM ${at.from}.records`);
  const upload = join(server.directory, `cluster-${daemons}`);
  mkdirSync(upload);
  const cluster = await Cluster.create({
    kafka,
    archive,
    upload,
    lanes: LANES,
    level: 6,
    bytesMax: Math.min(100_000_000, Math.ceil(at.bytes / (2 * LANES))),
    stretchRecordsMax: 20_000,
    lifetimeMs: LIFETIME_MS,
    // as shipped: nobody is killed here, and a core that is shared is no reason to
    times: { sessionTimeoutMs: 30_000, renewMs: 2_000, marginMs: 5_000, guardMs: 10_000, revokeMs: 15_000 },
  });
  cluster.dayEndsIn(BEFORE_MIDNIGHT_MS);
  const begun = performance.now();
  const running = Array.from({ length: daemons }, (_, index) =>
    cluster.start(cluster.site(join(folder, `daemon-${daemons}-${index}`), server)),
  );
  await Promise.all(running.map((daemon) => daemon.says(({ msg }) => msg === 'lanes assigned')));
  await new Promise((resolve) =>
    setTimeout(resolve, Math.max(0, begun + BEFORE_MIDNIGHT_MS - 500 - performance.now())),
  );
  const [before, started] = [cpuSeconds(running), performance.now()];
  await Promise.all(running.map((daemon) => daemon.says(isDelivered)));
  const [after, ended] = [cpuSeconds(running), performance.now()];
  for (const daemon of running) daemon.signal('SIGTERM');
  await Promise.all(running.map((daemon) => daemon.ended));
  rmSync(upload, { recursive: true, force: true });
  return { cpuSeconds: after - before, seconds: (ended - started) / 1000 };
}

/** Of the daemons and the guards beside them so far, in all their threads. */
function cpuSeconds(daemons: readonly IovpipeProcess[]): number {
  const ticks = daemons
    .flatMap(({ pids }) => pids)
    .map((pid) => {
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
      return Number(fields[11]) + Number(fields[12]);
    });
  return ticks.reduce((sum, count) => sum + count, 0) / TICKS_PER_SECOND;
}
