import t from 'tap';
import { tracedBy } from '../../connections/kafkaHeaders.js';

t.test('the trace of a message is what its header says, of bounded length', async (t) => {
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
  t.same(tracedBy([{ RequestID: 'R-1' }, { traceparent: Buffer.from(traceparent) }]), { traceparent });
  t.same(tracedBy([{ RequestID: 'R-1' }]), {});
  t.same(tracedBy([{ traceparent: Buffer.alloc(10_000) }]), {});
  t.same(tracedBy(undefined), {});
});
