import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import t from 'tap';
import { registration } from '../support/messages.js';
import { watchedOperator } from '../support/watchedOperator.js';
import { within } from '../support/within.js';

const OTHER_CARD = { ...registration, ICCID: '89860012345678905678' };
const JSON_TYPE = { 'content-type': 'application/json' };

t.test('a daemon that is watched goes over to a connection that takes its time to close', async (t) => {
  t.setTimeout(300_000);
  const { ask, send, folder, port, daemon } = await watchedOperator(t);
  const path = join(folder, 'pipeline.yaml');
  const before = readFileSync(path, 'utf8');
  const intake = Number(/127\.0\.0\.1:(\d+)/.exec(before)?.[1]);

  await send('R-1');
  await send('R-2', OTHER_CARD);
  const [letter] = JSON.parse((await ask('/api/dead?state=waiting')).body);
  const again = await ask(`/api/dead/${letter.id}/retry`, { method: 'POST', headers: JSON_TYPE });
  t.match(JSON.parse(again.body), { code: 'CARD_LIMIT' });

  const asked = request({ host: '127.0.0.1', port, path: '/api/tap?at=accounts-in' }).end();
  const [tap] = await once(asked, 'response');
  const tapped = text(tap);

  const silent = connect(intake, '127.0.0.1').on('error', () => undefined); // the listener lingers for it
  await once(silent, 'connect');
  t.teardown(() => silent.destroy());
  writeFileSync(path, before.replace('{ https: {', '{ https: { lingerMs: 3_000,'));
  daemon.signal('SIGHUP');
  const reloaded = await daemon.says(({ msg }) => /^reload/.test(msg));
  t.match(reloaded, { restarted: ['accounts-in'], closed: ['t1'] }, 'the letter has not hidden who uses t1');
  await within(30_000, 'the tap of what is no more ends', tapped);
  t.match((await send('R-3')).body, { RequestID: 'R-3' }, 'it answers');
  t.equal((await ask('/api/status')).status, 200);
  daemon.signal('SIGTERM');
  t.match(await daemon.ended, { code: 0 }, daemon.words);
});
