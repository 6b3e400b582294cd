import t from 'tap';
import { LivePart, type LivePipeline } from '../../engine/live.js';
import { StuckWatch } from '../../engine/stuck.js';

const BOUND_MS = 1_000;

/** A pipeline of a kernel and a sink, looked at every half of the bound. */
function watched() {
  const parts = [new LivePart('tie', 'operators[0].tie', 'file'), new LivePart('sftp', 'sink.sftp', 'file')] as const;
  const pipeline = { name: 'contracts-in', parts, steps: 0 };
  const watch = new StuckWatch();
  let nowMs = 0;
  const look = () => {
    nowMs += BOUND_MS / 2;
    return watch.look([pipeline as unknown as LivePipeline], BOUND_MS, nowMs).map(({ place }) => place);
  };
  const enter = (part: LivePart) => {
    part.items += 1;
    part.begin();
  };
  return { pipeline, kernel: parts[0], sink: parts[1], look, enter };
}

t.test('a pipeline that is idle is never stuck', async (t) => {
  const { look } = watched();
  for (let looks = 0; looks < 5; looks += 1) t.same(look(), []);
});

t.test('one whose items do not leave is stuck once the bound is over, whatever still comes in', async (t) => {
  const { sink, look, enter } = watched();
  sink.limit = 10;
  enter(sink);
  t.same(look(), []);
  enter(sink);
  t.same(look(), []);
  enter(sink);
  t.same(look(), ['sink.sftp']);
  sink.end();
  t.same(look(), [], 'one has left');
});

t.test('the last part that stands is named: those before it wait for it', async (t) => {
  const { kernel, sink, look, enter } = watched();
  for (const part of [kernel, sink]) enter(part);
  look();
  look();
  t.same(look(), ['sink.sftp']);
});

t.test('one that works under load is not stuck', async (t) => {
  const { kernel, look, enter } = watched();
  kernel.limit = 2;
  enter(kernel);
  for (let looks = 0; looks < 5; looks += 1) {
    enter(kernel);
    kernel.end();
    t.same(look(), []);
  }
});

t.test('a sink that tries again and again is not stuck', async (t) => {
  const { pipeline, sink, look, enter } = watched();
  enter(sink);
  for (let looks = 0; looks < 4; looks += 1) {
    pipeline.steps += 1;
    t.same(look(), []);
  }
  look();
  t.same(look(), ['sink.sftp']);
});
