import { rm } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import type { Lanes } from '../connections/lanesConnection.js';
import { defineOperator, type Kernel } from '../contract/component.js';
import type { Context } from '../contract/context.js';
import { IovError } from '../contract/error.js';
import type { FilePlan, WindowKey } from '../contract/file.js';
import type { Item, TextFile } from '../contract/item.js';
import { Type } from '../contract/schema.js';
import type { WindowRow } from '../contract/store.js';
import { Unfinished } from '../contract/unfinished.js';
import { cutoffMs } from '../notice/cutoff.js';

export const spec = defineOperator({
  name: 'lanes',
  summary:
    'Lets through the files of a window whose lane this process holds; the others are for those who hold theirs.',
  description: [
    'File number i of a window belongs to lane i mod the number of lanes. Every process of the cluster runs the same chain over the same window and cuts the same files, but packs and delivers only its own. A window counts as delivered when all its files are; while others deliver theirs the run waits, and goes again where lanes have changed hands.',
    'Put it behind `split`, and the same `lanes` into the `sftp` connection.',
  ].join('\n\n'),
  sections: ['7.3'],
  takes: ['text'],
  gives: 'text',
  options: Type.Object(
    {
      on: Type.String({ connection: 'lanes', description: 'The lanes, under `connections:`.' }),
      lookMs: Type.Integer({
        default: 2_000,
        minimum: 10,
        maximum: 600_000,
        description: 'How often is asked what others have delivered, while the rest of a window is theirs.',
      }),
    },
    { additionalProperties: false },
  ),
  examples: [{ title: 'The lanes of the regulator’s server', yaml: 'on: lanes' }],
  create: ({ on, lookMs }, context) => new LanesOperator(context.connection<Lanes>(on), lookMs, context),
});

/** A file that others deliver. */
interface Elsewhere {
  /** Its number in its window, from which its lane is known whenever lanes have been added. */
  sequence: number;
  /** Of a file whose last record is in. */
  name?: string;
  window?: WindowKey;
  path?: string;
}

class LanesOperator implements Kernel {
  readonly #lanes: Lanes;
  readonly #lookMs: number;
  readonly #context: Context;
  readonly #closing = new AbortController();
  readonly #elsewhere: Elsewhere[] = [];
  /** Of a file that goes no further from here: nobody behind this learns that it could not be cut. */
  #failure: IovError | undefined;

  constructor(lanes: Lanes, lookMs: number, context: Context) {
    this.#lanes = lanes;
    this.#lookMs = lookMs;
    this.#context = context;
  }

  transform(item: Item): Iterable<Item> | Promise<Iterable<Item>> {
    const { held } = this.#lanes;
    if (held.size > 0) return this.#through(item, held);
    return this.#lanes.settled(this.#closing.signal).then((settled) => this.#through(item, settled));
  }

  /** @throws Unfinished where the run has gone well and others have not delivered their part yet */
  close(error?: IovError): void {
    this.#closing.abort();
    if (error) return;
    if (this.#failure) throw this.#failure;
    if (this.#elsewhere.length === 0) return;
    const message = `${this.#context.place}: ${this.#elsewhere.length} files are delivered by other processes`;
    throw new Unfinished(message, (stop) => this.#rest(stop));
  }

  #through(item: Item, held: ReadonlySet<number>): Item[] {
    const file = item.value as TextFile;
    const isDelivered = file.known?.state === 'delivered';
    if (!isDelivered && held.has(this.#lanes.laneOf(file.sequence))) return [item];
    file.discard();
    if (isDelivered) this.#pass(item, file);
    else this.#leave(item, file);
    return [];
  }

  #pass(item: Item, file: TextFile): void {
    void removed(file.known?.path);
    this.#cut(item, file, () => item.receipt.arrived());
  }

  /** The window stays open: its receipts say that this file has not arrived from here. */
  #leave(item: Item, file: TextFile): void {
    const path = file.known?.path;
    const left: Elsewhere = { sequence: file.sequence, ...(path !== undefined && { path }) };
    this.#elsewhere.push(left);
    this.#cut(item, file, ({ baseName, window }) => {
      left.name = baseName;
      if (window) left.window = window;
      item.receipt.failed(new IovError('WINDOW_UNFINISHED', `${baseName} is delivered by another process`));
    });
  }

  /** Once its last record is in: a word about it before that says nothing of the records that were yet to come. */
  #cut(item: Item, { plan }: TextFile, settle: (plan: FilePlan) => void): void {
    plan.then(settle, (thrown: unknown) => {
      this.#failure ??= IovError.from(thrown);
      item.receipt.failed(this.#failure);
    });
  }

  /** Resolves when everything has been delivered, or a lane has come here whose files have not. */
  async #rest(stop: AbortSignal): Promise<void> {
    const { store, pipeline, log } = this.#context;
    while (!stop.aborted) {
      const windows = await this.#windows();
      const open = this.#elsewhere.filter(({ name = '' }) => store.file(name)?.state !== 'delivered');
      if (open.length === 0) {
        // our own part has arrived, or the run had failed: so that it need not be read through once more
        for (const { id, state, kind, code, cutoff, type } of windows) {
          if (state !== 'open') continue;
          store.windowDelivered(id);
          log.info({ pipeline, kind, code, cutoff, type }, 'window delivered');
        }
        for (const { path } of this.#elsewhere) await removed(path);
        return;
      }
      const held = await this.#lanes.settled(stop).catch(() => new Set<number>());
      if (open.some(({ sequence }) => held.has(this.#lanes.laneOf(sequence)))) return;
      const looked = new AbortController();
      const either = AbortSignal.any([stop, looked.signal]);
      const looking = pause(this.#lookMs, undefined, { signal: either }).catch(() => undefined);
      await Promise.race([this.#lanes.changed(either), looking]);
      looked.abort();
    }
  }

  /** Those that others deliver a part of, opened anew: what has been delivered of them stands in the ledger then. */
  async #windows(): Promise<WindowRow[]> {
    const { store, pipeline } = this.#context;
    const keys = new Map(this.#elsewhere.flatMap(({ window }) => (window ? [[JSON.stringify(window), window]] : [])));
    const rows: WindowRow[] = [];
    for (const key of keys.values()) rows.push(await store.openWindow(key, cutoffMs(key.cutoff), pipeline));
    return rows;
  }
}

/** What this process had packed before the file's lane went to the one that delivered it. */
async function removed(path: string | undefined): Promise<void> {
  if (path !== undefined) await rm(path, { force: true }).catch(() => undefined);
}
