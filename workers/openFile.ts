import type { IovError } from '../contract/error.js';
import type { FilePlan } from '../contract/file.js';
import type { Lines, TextFile } from '../contract/item.js';
import { Receipt } from '../contract/receipt.js';
import type { FileRow } from '../contract/store.js';
import type { TextContent } from './textContent.js';

/** A text file while records go into it. */
export class OpenFile implements TextFile {
  readonly plan: Promise<FilePlan>;
  readonly content: TextContent;
  readonly sequence: number;
  readonly known: FileRow | undefined;
  readonly receipts: Receipt[] = [];
  readonly receipt: Receipt;
  positions: [number, number] = [0, 0];
  #resolve!: (plan: FilePlan) => void;
  #reject!: (error: Error) => void;

  constructor(content: TextContent, sequence: number, known: FileRow | undefined) {
    this.content = content;
    this.sequence = sequence;
    this.known = known;
    this.plan = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.plan.catch(() => undefined); // who waits for it learns of it; nobody may be waiting yet
    // joined when it settles, since parts are still added
    this.receipt = new Receipt((error) => {
      const whole = Receipt.join(this.receipts);
      if (error) whole.failed(error);
      else whole.arrived();
    });
  }

  append(block: Lines, from: number, to: number, [first, last]: [number, number]): void {
    this.content.append(block, from, to);
    this.positions = [this.positions[0] || first, last];
  }

  reuse(chunk: Uint8Array<ArrayBuffer>): void {
    this.content.reuse(chunk);
  }

  discard(): void {
    this.content.discard();
  }

  finish(plan: FilePlan): void {
    this.#resolve(plan);
    this.content.close();
  }

  abandon(error: IovError): void {
    this.#reject(error);
    this.content.abandon(error);
  }
}
