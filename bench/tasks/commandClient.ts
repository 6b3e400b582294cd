import { generator } from '../../demo/generator.js';
import { signNature } from '../../notice/signature.js';
import { post, Tally } from '../post.js';

const CONCURRENCY = 64;

export interface CommandArgs {
  port: number;
  /** Commands a second, whether or not the answers come; 0: as fast as they come. */
  rate: number;
  count: number;
  /** Cards 0 to `cards` − 1 of the generator are asked for, in turn. */
  cards: number;
  /** Tells the RequestIDs of one run from those of another. */
  run: string;
  platformId: string;
  password: string;
  /** What an answer of success holds. */
  success: string;
}

/** Sends table-5 commands, each over a TLS connection of its own. */
export async function run(args: CommandArgs): Promise<object> {
  const bodies = commandBodies(args);
  const tally = new Tally();
  const send = async (index: number, dueMs: number) => {
    const answer = await post(args.port, '/t2/command', bodies[index]!).catch((error: Error) => error.message);
    tally.answered(dueMs, answer.includes(args.success));
  };
  if (args.rate > 0) await atRate(args, send);
  else await asFast(args.count, send);
  return tally.end();
}

type Send = (index: number, dueMs: number) => Promise<void>;

/** Each at its own moment: a slow answer puts off nobody, and waiting for one's turn counts. */
async function atRate({ rate, count }: CommandArgs, send: Send): Promise<void> {
  const started = performance.now();
  const underWay: Promise<void>[] = [];
  await new Promise<void>((resolve) => {
    const tick = setInterval(() => {
      const due = Math.min(count, Math.floor(((performance.now() - started) / 1000) * rate));
      while (underWay.length < due) underWay.push(send(underWay.length, started + (underWay.length * 1000) / rate));
      if (underWay.length < count) return;
      clearInterval(tick);
      resolve();
    }, 1);
  });
  await Promise.all(underWay);
}

async function asFast(count: number, send: Send): Promise<void> {
  let next = 0;
  const sender = async () => {
    while (next < count) {
      next += 1;
      await send(next - 1, performance.now());
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, sender));
}

function commandBodies({ count, cards, run, platformId, password }: CommandArgs): Buffer[] {
  const source = generator(2022);
  const iccids = Array.from({ length: Math.min(cards, count) }, (_, index) => String(source.card(index).ICCID));
  const Auth = { PlatformID: platformId, SignNature: signNature(platformId, password) };
  return Array.from({ length: count }, (_, index) =>
    Buffer.from(
      JSON.stringify({
        Auth,
        RequestID: `CMD-${run}-${index}`,
        OperatorID: '0002',
        ICCID: iccids[index % iccids.length],
      }),
    ),
  );
}
