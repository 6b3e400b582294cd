import { type Place, RD, type RdConsumer, type RdError } from '../../connections/rdkafka.js';
import { kafkaConnection } from './kafka.js';

// Run as `node groupMember.js BROKERS TOPIC SESSION_MS` with a channel: a bare member of the group `g-TOPIC` that gives no
// sign of life but its commits. Tells `assigned`, and the code of each commit that it is told to make (0 where it was taken).
const [brokers = '', topic = '', session = ''] = process.argv.slice(2);
const sessionMs = Number(session);
const connection = await kafkaConnection(brokers);
let ours: readonly Place[] = [];

const client: RdConsumer = await connection.reach(
  () => {
    const made: RdConsumer = new connection.lib.KafkaConsumer(
      {
        ...connection.settings,
        'group.id': `g-${topic}`,
        'enable.auto.commit': false,
        'session.timeout.ms': sessionMs,
        'heartbeat.interval.ms': 20 * sessionMs,
        'max.poll.interval.ms': 20 * sessionMs,
        offset_commit_cb: true,
        rebalance_cb: (error: RdError, places: readonly Place[]) => {
          if (error.code !== RD.assignPartitions) return;
          ours = places;
          made.assign(places);
          process.send?.('assigned');
        },
      },
      {},
    );
    made.setDefaultConsumeTimeout(0);
    return made;
  },
  () => undefined,
  new AbortController().signal,
);
client.on('offset.commit', (error) => void process.send?.(error?.code ?? 0));
client.subscribe([topic]);
setInterval(() => client.consume(1, () => undefined), 20);
process.on('message', () => client.commit(ours.map((place) => ({ ...place, offset: 0 }))));
process.once('disconnect', () => process.kill(process.pid, 'SIGKILL'));
