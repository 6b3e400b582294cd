import t from 'tap';
import { IovError } from '../../contract/error.js';
import { Unfinished } from '../../contract/unfinished.js';
import { untilComplete } from '../../engine/untilComplete.js';
import { keptLog } from '../support/bareContext.js';

const never = () => new AbortController().signal;

t.test('a window runs again while others deliver a part of it, and no alarm is raised', async (t) => {
  const log = keptLog();
  const rested: number[] = [];
  let attempts = 0;
  const attempt = async () => {
    attempts += 1;
    if (attempts === 1) throw new Unfinished('two files are theirs', async () => void rested.push(attempts));
    if (attempts === 2) throw new IovError('LANE_LOST', 'its lane has gone');
  };
  await untilComplete('daily', attempt, log, never());
  t.equal(attempts, 3);
  t.same(rested, [1], 'it waits where there is something to wait for');
  t.match(log.lines, [
    { level: 'info', fields: { code: 'WINDOW_UNFINISHED' } },
    { level: 'info', fields: { code: 'LANE_LOST' } },
  ]);
  t.equal(log.lines.length, 2);
});

t.test('what else goes wrong is told as it is, and a stop ends the waiting', async (t) => {
  const refused = async () => {
    throw new IovError('SFTP_REFUSED', 'no such directory');
  };
  await t.rejects(untilComplete('daily', refused, keptLog(), never()), { code: 'SFTP_REFUSED' });
  const stop = new AbortController();
  const unfinished = async () => {
    throw new Unfinished('theirs', async () => stop.abort());
  };
  await t.rejects(untilComplete('daily', unfinished, keptLog(), stop.signal), { code: 'STOPPED' });
});
