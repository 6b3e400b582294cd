import { defineOperator, type Kernel } from '../contract/component.js';
import type { Context } from '../contract/context.js';
import { IovError } from '../contract/error.js';
import type { WindowKey } from '../contract/file.js';
import type { Item, Lines } from '../contract/item.js';
import { Type } from '../contract/schema.js';
import type { WindowRow } from '../contract/store.js';
import { windowOfTemplate } from '../notice/batch.js';
import { cutoffOf } from '../notice/cutoff.js';
import { type Cut, OpenWindow } from '../workers/openWindow.js';

export const spec = defineOperator({
  name: 'split',
  summary: 'Writes ordered records into numbered text files of bounded size, never cutting a record.',
  description:
    'Sequence numbers rise from 000001 without a gap for each kind, code, cut-off and F or P; the last file says `end`, and an empty window gives one empty `000001end`. A record above `bytesMax` is a dead letter. The plan stays in the ledger: an interrupted export resumes to the same files, whatever has been configured since.',
  sections: ['6.2.1.2', '6.2.2.2'],
  takes: ['bytes'],
  gives: 'text',
  options: Type.Object(
    {
      bytesMax: Type.Integer({
        default: 100_000_000,
        minimum: 1_000,
        maximum: 100_000_000,
        description: 'Greatest size of a text file before compression, separators included.',
      }),
      name: Type.String({
        description:
          'File name without an extension: `KH_{code}_{cutoff}_P_{seq}`. Without an archive before it the code is written out: `KH_0002_{cutoff}_F_{seq}`.',
      }),
      format: Type.Union([Type.Literal('lines'), Type.Literal('array')], {
        default: 'lines',
        description: '`lines`: one JSON object a line. `array`: one JSON array.',
      }),
      residentBytesMax: Type.Integer({
        default: 4_000_000,
        minimum: 1_000,
        maximum: 100_000_000,
        description:
          'Bytes of text that may wait for the zip, beside the 512 KB that are being filled; above it the source waits.',
      }),
    },
    { additionalProperties: false },
  ),
  examples: [
    { title: 'Daily files of an archive', yaml: 'name: "KH_{code}_{cutoff}_P_{seq}"' },
    { title: 'First files of a backfill', yaml: 'name: "KH_0002_{cutoff}_F_{seq}"\nbytesMax: 50_000_000' },
  ],
  check: ({ name }) => {
    try {
      windowOfTemplate(name, { code: 'X', cutoff: '2022010100' });
      return [];
    } catch {
      return [
        {
          field: 'name',
          label: '',
          rule: 'KH or CL, a code or {code}, {cutoff}, F or P, and {seq}, joined by _ (`KH_{code}_{cutoff}_P_{seq}`)',
          value: JSON.stringify(name),
        },
      ];
    }
  },
  create: (options, context) => new Split(options, context),
});

interface Options extends Cut {
  name: string;
  residentBytesMax: number;
}

class Split implements Kernel {
  readonly #options: Options;
  readonly #context: Context;
  #window: OpenWindow | undefined;
  /** Windows that hold nothing of an archive, by their ids in the ledger. */
  readonly #direct = new Map<number, OpenWindow>();

  constructor(options: Options, context: Context) {
    this.#options = options;
    this.#context = context;
  }

  transform(item: Item): Iterable<Item> | Promise<Iterable<Item>> {
    const block = item.value as Lines;
    const window = this.#windowOf(block);
    const started = window.add(item, block);
    const ready = window.ready;
    return ready ? ready.then(() => started) : started;
  }

  flush(): Iterable<Item> {
    if (!this.#window && !this.#isArchived()) this.#window = this.#open(this.#directKey());
    const started = this.#window?.end() ?? [];
    this.#window = undefined;
    return started;
  }

  close(error?: IovError): void {
    this.#window?.abandon(
      error ?? new IovError('STOPPED', `${this.#context.place}: stopped before the file was complete`),
    );
    this.#window = undefined;
    if (error) return;
    // The archive source closes its own windows. One without an archive is delivered when all of its files have arrived: what
    // became of one of them is told to nobody else, and run again the same window is gone on with.
    for (const [id, { failure }] of this.#direct) {
      if (failure) throw failure;
      this.#context.store.windowDelivered(id);
    }
  }

  /** The window of a block; blocks come grouped by code, so that another one ends the window before. */
  #windowOf(block: Lines): OpenWindow {
    const { kind, code, cutoff, type } = block.window ?? this.#window?.key ?? this.#directKey();
    const key = { kind, code, cutoff, type };
    if (this.#window && sameWindow(this.#window.key, key)) return this.#window;
    this.#window?.end();
    this.#window = this.#open(key, block.window);
    return this.#window;
  }

  #isArchived(): boolean {
    return this.#options.name.includes('{code}');
  }

  /** Without an archive the window is the one that an interrupted run left open, or a new one that ends now. */
  #directKey(): WindowKey {
    const { run, store, pipeline, place } = this.#context;
    if (!run)
      throw new IovError('CONFIG_INVALID', `${place}: split needs a source that ends, or a window of the archive`);
    const cutoff = run.cutoff ?? store.openWindows(pipeline)[0]?.cutoff ?? cutoffOf(run.atMs);
    return windowOfTemplate(this.#options.name, { cutoff });
  }

  /** @param opened the window as the archive has opened it; without it the window is one that holds nothing of the archive */
  #open(key: WindowKey, opened?: WindowRow): OpenWindow {
    const { store, pipeline } = this.#context;
    const row = (this.#isArchived() && opened) || store.openDirectWindow(key, pipeline);
    const wanted: Cut = { bytesMax: this.#options.bytesMax, format: this.#options.format };
    if (!row.options) store.setWindowOptions(row.id, JSON.stringify(wanted));
    const cut = row.options ? (JSON.parse(row.options) as Cut) : wanted;
    const window = new OpenWindow(key, row, cut, this.#options.residentBytesMax, this.#context);
    if (row !== opened) this.#direct.set(row.id, window);
    return window;
  }
}

const sameWindow = (one: WindowKey, other: WindowKey) =>
  one.kind === other.kind && one.code === other.code && one.cutoff === other.cutoff && one.type === other.type;
