import { post, Tally } from '../post.js';
import { accountBodies } from '../records.js';

const CONCURRENCY = 64;

export interface IntakeArgs {
  port: number;
  count: number;
  /** What an answer of success holds. */
  success: string;
}

/** Sends so many messages, each over a TLS connection of its own, as fast as the answers come. */
export async function run({ port, count, success }: IntakeArgs): Promise<object> {
  const bodies = accountBodies(count);
  const tally = new Tally();
  let next = 0;
  const sender = async () => {
    while (next < count) {
      const body = bodies[next]!;
      next += 1;
      const sent = performance.now();
      const answer = await post(port, '/t1/account', body).catch((error: Error) => error.message);
      tally.answered(sent, answer.includes(success));
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, sender));
  return tally.end();
}
