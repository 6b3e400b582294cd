import t from 'tap';
import { SharedConnections } from '../../engine/sharedConnections.js';

t.test('one that does not close does not keep the others open', async (t) => {
  const closed: string[] = [];
  const connections = new SharedConnections();
  connections.add('first', { close: async () => void closed.push('first') });
  connections.add('second', { close: () => Promise.reject(new Error('no end')) });
  await t.rejects(connections.close(), { message: 'no end' });
  t.same(closed, ['first']);
});
