import { IovError } from '../contract/error.js';
import { RD, type RdError } from './rdkafka.js';

/** Errors that last until a person does something: what is asked for is not there, or not allowed. */
const REFUSALS: ReadonlySet<number | undefined> = new Set([
  3, // unknown topic or partition
  29, // topic: no permission
  30, // group: no permission
  31, // cluster: no permission
  58, // SASL: wrong login
  RD.authentication,
  RD.tls,
  -188, // unknown topic, as the client sees it
  -190, // unknown partition, as the client sees it
]);

/** Of a commit that a rebalance has overtaken: partitions are being handed out anew, and the next owner reads from before. */
export const OVERTAKEN: ReadonlySet<number> = new Set([
  22, // the group has gone on to its next generation
  25, // the group does not know this member any more
  27, // a rebalance is in progress
  -168, // no offset is left to commit, as the client sees it
]);

/** Of a transaction: what the process held is another's, or has been ended. */
const FENCED: ReadonlySet<number | undefined> = new Set([
  ...OVERTAKEN,
  47, // the producer's epoch is over
  82, // the member of the group is another process now
  90, // the producer is
  -144, // the same, as the client sees it
]);

/** What librdkafka says, in our words. */
export function kafkaError(thrown: unknown, doing: string): IovError {
  if (thrown instanceof IovError) return thrown;
  const { message, code } = thrown as Partial<RdError>;
  const text = `${doing}: ${message ?? String(thrown)}`;
  if (code === RD.messageTooLarge || code === RD.recordInvalid) {
    return new IovError('MESSAGE_TOO_LARGE', text, { cause: thrown });
  }
  return new IovError(meaning(code), text, { cause: thrown });
}

function meaning(code: number | undefined) {
  if (REFUSALS.has(code)) return 'KAFKA_REFUSED';
  return FENCED.has(code) ? 'KAFKA_OVERTAKEN' : 'KAFKA_UNREACHABLE';
}
