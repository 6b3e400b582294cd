import { join } from 'node:path';
import t, { type Test } from 'tap';
import { planReload } from '../../engine/reload.js';
import { connectionOwner, Uses } from '../../engine/uses.js';
import { checkedConfig } from '../support/checkedConfig.js';
import { changedSite, SITE, type SiteFiles, writeSite } from '../support/site.js';

async function configOf(folder: string, site: SiteFiles) {
  writeSite(folder, site);
  return checkedConfig(join(folder, 'pipeline.yaml'));
}

/** The plan from the small operator to the same with one place changed. */
async function planOf(t: Test, file: string, from: string, to: string, uses = new Uses()) {
  const folder = t.testdir({});
  const before = await configOf(folder, SITE);
  return planReload(before, await configOf(folder, changedSite(file, from, to)), uses);
}

const NOTHING = { stopped: [], restarted: [], started: [], closed: [], opened: [], retention: false };

t.test('a file that is the same, or differs in its comments only, touches nothing', async (t) => {
  const untouched = ['accounts-in', 'vehicles-in', 'accounts-daily'];
  t.same(await planOf(t, 'pipeline.yaml', 'pipelines:\n', 'pipelines: # ours\n'), { ...NOTHING, untouched });
});

t.test('only what differs is restarted, started and stopped', async (t) => {
  const changed = await planOf(t, 'pipeline.yaml', 'finishBy: "05:00"', 'finishBy: "06:00"');
  t.same(changed.restarted, ['accounts-daily']);
  const renamed = await planOf(t, 'pipeline.yaml', '  vehicles-in:', '  cars-in:');
  t.same([renamed.stopped, renamed.started, renamed.restarted], [['vehicles-in'], ['cars-in'], []]);
  const manual = await planOf(t, 'pipeline.yaml', '{ at: "0 0 * * *", finishBy: "05:00" }', 'manual');
  t.same(manual.stopped, ['accounts-daily'], 'what is to run only when asked for runs no more by itself');
  const retained = await planOf(t, 'pipeline.yaml', 'pipelines:', 'retention: { at: "0 3 * * *" }\npipelines:');
  t.same([retained.retention, retained.restarted], [true, []]);
});

t.test('a secret that changed is a difference of the connection that holds it, and of who uses that', async (t) => {
  const uses = new Uses();
  uses.noteConnection('vehicles-in', 't1');
  uses.noteConnection('accounts-daily', 'regulator');
  uses.noteConnection(connectionOwner('regulator'), 't1'); // one that rests on another
  const plan = await planOf(t, 'secrets/t1.key', 'a key', 'another key', uses);
  t.same(
    [plan.closed, plan.opened],
    [
      ['t1', 'regulator'],
      ['t1', 'regulator'],
    ],
  );
  t.same(plan.restarted, ['vehicles-in', 'accounts-daily'], 'the third has not asked for it');
});

t.test('a peer that changed restarts who looked at it, one that came who looked at all', async (t) => {
  const looking = (before: object) => {
    const uses = new Uses();
    const peersFor = (owner: string) => uses.peersFor(owner, () => before as never);
    t.equal(peersFor('vehicles-in').oem, (before as { oem: never }).oem);
    t.equal(Object.values(peersFor('accounts-in')).length, Object.keys(before).length, 'all are seen');
    t.equal(peersFor('accounts-daily').toString, undefined, 'and nothing else');
    return uses;
  };
  const folder = t.testdir({});
  const { peers } = await configOf(folder, SITE);
  const changed = await planOf(t, 'peers.yaml', 'platformId: 车企', 'platformId: 车企二', looking(peers));
  t.same(changed.restarted, ['accounts-in', 'vehicles-in']);
  const more = 'other: { platformId: X, password: "${secret:oem.password}" }\noem:';
  t.same((await planOf(t, 'peers.yaml', 'oem:\n', `${more}\n`, looking(peers))).restarted, ['accounts-in']);
});

t.test('what is opened once a process is refused', async (t) => {
  const archive = planOf(t, 'pipeline.yaml', 'var/archive.db', 'var/other.db');
  await t.rejects(archive, { code: 'CONFIG_INVALID', message: /restart only/ });
});
