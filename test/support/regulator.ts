import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Test } from 'tap';
import type { Kernel, Sink } from '../../contract/component.js';
import type { Context } from '../../contract/context.js';
import { IovError } from '../../contract/error.js';
import type { Item } from '../../contract/item.js';
import { Receipt } from '../../contract/receipt.js';
import { sm3Hex } from '../../crypto/digest.js';
import { letterOf, waitingLetters } from '../../engine/deadLetters.js';
import { type DayQuestion, type DayReport, dayReport } from '../../notice/dayReport.js';
import { spec as verifySpec } from '../../operators/verify.js';
import { spec as receivedSpec } from '../../sinks/received.js';
import { bareContext } from './bareContext.js';
import { optionsOf } from './options.js';
import { peers } from './sentFiles.js';
import { DAY_16_MS, HOUR_MS, type TestStore, testStore } from './testStore.js';

/** The 16th at 06:12: daily and monthly files were due at 05:00. */
export const AFTER_DEADLINE_MS = DAY_16_MS + 6 * HOUR_MS + 12 * 60_000;

/** The regulator's inbox without its SFTP service: verify, received, and the ledger behind them. */
export interface Regulator extends TestStore {
  /** Puts a file where a drop box would, and takes it in: what was said of it where it is refused. */
  receive(name: string, content: Uint8Array): Promise<string | undefined>;
  report(question?: Partial<DayQuestion>): DayReport;
}

export async function regulator(t: Test, options: object = {}): Promise<Regulator> {
  const opened = await testStore(t);
  const inbox = join(opened.path, '..', 'inbox');
  mkdirSync(inbox, { recursive: true });
  const context: Context = { ...bareContext({ directory: inbox, store: opened.store, log: opened.log }), peers };
  const inThatTime = { ...context, clock: opened.clock };
  const wanted = { peer: 'operator', makers: ['oem'], ...options };
  const verify = (await verifySpec.create(optionsOf(verifySpec, wanted), inThatTime)) as Kernel;
  const received = (await receivedSpec.create(optionsOf(receivedSpec, {}), inThatTime)) as Sink;
  const receive = async (name: string, content: Uint8Array) => {
    writeFileSync(join(inbox, name), content);
    const item = fileItemAt(join(inbox, name));
    try {
      for (const verified of await verify.transform(item)) await received.write(verified);
      return undefined;
    } catch (thrown) {
      const error = IovError.from(thrown);
      const letter = letterOf('inbox', item, error);
      await opened.store.commit([(transaction) => transaction.addDeadLetter(letter)]);
      return `${error.code} ${error.message}`;
    }
  };
  const report = (question: Partial<DayQuestion> = {}) => {
    const asked = { day: '20221116', nowMs: opened.clock.now(), expected: [], ...question };
    return dayReport(asked, opened.store.received.day(asked.day, asked.nowMs), waitingLetters(opened.store));
  };
  return { ...opened, receive, report };
}

/** A dropped file as the drop box of the login `cmcc` gives it. */
export function fileItemAt(path: string): Item {
  const content = readFileSync(path);
  const name = basename(path);
  const value = { name, path, bytes: content.byteLength, sm3: sm3Hex(content) };
  const receipt = new Receipt(() => undefined);
  return {
    value,
    tags: {},
    origin: `sftp cmcc/${name}`,
    receipt,
    effects: [],
    raw: Buffer.from(JSON.stringify(value)),
  };
}
