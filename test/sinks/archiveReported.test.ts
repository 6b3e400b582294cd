import t from 'tap';
import { iovpipe } from '../support/cli.js';
import { IovpipeProcess } from '../support/iovpipeProcess.js';
import { vehicle } from '../support/records.js';
import { writeSite } from '../support/site.js';

/** The pipeline of docs/rules.md for article 23, one beside it that reports, and an export of both. */
const PIPELINE = `archive: { sqlite: { path: var/archive.db } }
outbox: var/outbox
pipelines:
  certificates-in:
    schedule: manual
    source: { file: { path: certificates.ndjson } }
    operators:
      - validate: { table: 11 }
      - order: { table: 11 }
    sink: { archive: { kind: CL, code: LSV1, reported: true } }
  vehicles-in:
    schedule: manual
    source: { file: { path: vehicles.ndjson } }
    operators:
      - order: { table: 11 }
    sink: { archive: { kind: CL, code: LSV1 } }
  vehicles-full:
    schedule: manual
    source: { archive: { kind: CL, window: full } }
    operators:
      - split: { name: "CL_{code}_{cutoff}_F_{seq}" }
      - zip: {}
    sink: { directory: { directory: var/inbox } }
`;
const OTHER = '89860412101880000020';

t.test(
  'a vehicle that counts as reported is kept, marked and traced, and stands in no export (article 23)',
  async (t) => {
    const folder = t.testdir();
    writeSite(folder, {
      'pipeline.yaml': PIPELINE,
      'certificates.ndjson': `${JSON.stringify(vehicle())}\n`,
      'vehicles.ndjson': `${JSON.stringify({ ...vehicle(), ICCID: OTHER })}\n`,
    });
    for (const name of ['certificates-in', 'vehicles-in']) {
      t.match(await iovpipe(['run', '--once', name, '--log', 'error'], folder), { code: 0, stderr: '' });
    }
    const later = Date.now() + 2 * 3_600_000;
    const daemon = new IovpipeProcess(['run', '--once', 'vehicles-full'], folder, later);
    t.match(await daemon.ended, { code: 0 });

    const status = JSON.parse((await iovpipe(['status', '--json'], folder)).stdout);
    t.match(status.records, [
      { kind: 'CL', code: 'LSV1', count: 1 },
      { kind: 'CL reported', code: 'LSV1', count: 1 },
    ]);
    t.match(status.windows, [{ kind: 'CL', state: 'delivered', recordsTotal: 1, recordsDelivered: 1 }]);
    const trace = async (iccid: string) => (await iovpipe(['trace', iccid], folder)).stdout;
    const reported = await trace(String(vehicle().ICCID));
    t.match(reported, /archived +CL reported LSV1, position 1/);
    t.notMatch(reported, /window|file/);
    t.match(await trace(OTHER), /archived +CL LSV1[\s\S]*window[\s\S]*file/);
  },
);
