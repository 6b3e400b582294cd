import t from 'tap';
import { IovpipeProcess } from '../support/iovpipeProcess.js';
import { writeSite } from '../support/site.js';

const WATCH = `archive: { sqlite: { path: var/archive.db } }
pipelines:
  watch:
    source: { directoryWatch: { directory: in, match: ["*"] } }
    sink: { directory: { directory: out } }
`;

t.test('a crash that nobody foresaw is one line of the log, and ends with 2, which is started again', async (t) => {
  const folder = t.testdir({ in: {} });
  writeSite(folder, { 'pipeline.yaml': WATCH });
  for (const how of ['throw new RangeError(words)', 'Promise.reject(new RangeError(words))']) {
    const crash = `process.on('SIGUSR2', () => { const words = 'about 张三'; ${how}; })`;
    const NODE_OPTIONS = `--import=data:text/javascript,${encodeURIComponent(crash)}`;
    const daemon = new IovpipeProcess(['run'], folder, undefined, undefined, { NODE_OPTIONS });
    t.teardown(() => daemon.signal('SIGKILL'));
    await daemon.ready();
    const from = daemon.said.length;
    daemon.signal('SIGUSR2');
    t.same(await daemon.ended, { code: 2, signal: null });
    t.match(daemon.said.slice(from), [{ level: 'error', code: 'INTERNAL', alarm: 'crashed', error: 'RangeError' }]);
    t.equal(daemon.said.length, from + 1);
    t.notMatch(daemon.words, /张三/, 'a message may quote what came');
  }
});
