import type { Kernel, Sink, Source, SourceSpec, WorkerStep } from '../contract/component.js';
import type { Context } from '../contract/context.js';
import { IovError } from '../contract/error.js';
import type { Album, Item, TextFile } from '../contract/item.js';
import type { Packer } from '../workers/packer.js';
import type { CheckedPipeline } from './config.js';
import { letterOf } from './deadLetters.js';
import { inTurn } from './inTurn.js';
import type { LivePipeline } from './live.js';
import { runChain, type Stage } from './stream.js';
import type { Tracing } from './tracing.js';

/** What a chain needs of the process it runs in. */
export interface Surroundings {
  /** Everything of a component's context but its place. */
  context: Omit<Context, 'place'>;
  packer: Packer;
  settled(item: Item, error?: IovError): void;
  /** Where it is counted what passes. */
  live?: LivePipeline | undefined;
  /** Where it is traced, by samples. */
  tracing?: Tracing | undefined;
}

/** What an operator has become: a kernel, or a step of packing. */
type Part = Kernel | WorkerStep;

/** A pipeline's components, created and joined; runs once. */
export class ChainRun {
  readonly #pipeline: CheckedPipeline;
  readonly #around: Surroundings;
  readonly #source: Source;
  readonly #failuresGoTo: SourceSpec['failuresGoTo'];
  readonly #sink: Sink;
  readonly #parts: readonly Part[];
  readonly #stages: Stage[];
  readonly #break = new AbortController();
  #failure: IovError | undefined;
  #isClosed = false;

  /** Creates the components, in order; `source` stands in for the pipeline's own (dead letters sent again, a bench). */
  static async create(pipeline: CheckedPipeline, around: Surroundings, source?: Source): Promise<ChainRun> {
    const contextAt = (place: string): Context => ({ ...around.context, place });
    const { sink, operators } = pipeline;
    const createdSink = await sink.spec.create(sink.options, contextAt(sink.place));
    const parts: Part[] = [];
    for (const { spec, options, place } of operators) parts.push(await spec.create(options, contextAt(place)));
    const { spec, options, place } = pipeline.source;
    const createdSource = source ?? (await spec.create(options, contextAt(place)));
    const failuresGoTo = source ? 'peer' : spec.failuresGoTo; // what stands in learns it from its receipts
    return new ChainRun(pipeline, around, { source: createdSource, failuresGoTo, parts, sink: createdSink });
  }

  private constructor(
    pipeline: CheckedPipeline,
    around: Surroundings,
    made: { source: Source; failuresGoTo: SourceSpec['failuresGoTo']; parts: readonly Part[]; sink: Sink },
  ) {
    this.#pipeline = pipeline;
    this.#around = around;
    this.#source = made.source;
    this.#failuresGoTo = made.failuresGoTo;
    this.#sink = made.sink;
    this.#parts = made.parts;
    this.#stages = this.#joined(made.parts);
  }

  /** Opens what the chain writes to and reads from, the sink first: nothing is taken in before there is a place for it. */
  async open(): Promise<void> {
    await this.#sink.open?.();
    await this.#source.open?.();
  }

  /**
   * Runs until the source has ended and everything has settled; `stop` asks the source to take nothing new.
   * @throws IovError of the first item that failed, where nobody else learns of it; whatever broke the run
   */
  async run(stop: AbortSignal): Promise<void> {
    const { live, settled, tracing } = this.#around;
    let broken: IovError | undefined;
    if (live) live.running += 1;
    try {
      const items = this.#source.read(stop);
      await runChain({
        source: tracing?.follow(this.#pipeline.name, items) ?? items,
        stages: this.#stages,
        sink: this.#sink,
        failed: (item, error) => this.#failed(item, error),
        arrived: (item) => {
          live?.settled();
          settled(item);
        },
        signal: this.#break.signal,
        ...(live && { live }),
      });
    } catch (thrown) {
      broken = IovError.from(this.#break.signal.aborted ? this.#break.signal.reason : thrown);
    } finally {
      if (live) live.running -= 1;
    }
    const failure = broken ?? this.#failure;
    await this.#closeParts(failure);
    if (failure) throw failure;
  }

  /** Breaks the run: what has not settled is taken up again another time. */
  abort(reason: IovError): void {
    this.#break.abort(reason);
  }

  /** @throws what the first threw that would not close, once the others have been */
  async close(): Promise<void> {
    await inTurn([
      () => this.#closeParts(), // of a run that never began
      () => this.#source.close?.(),
      () => this.#sink.close?.(),
    ]);
  }

  async #closeParts(failure?: IovError): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await inTurn(this.#parts.map((part) => () => ('worker' in part ? undefined : part.close?.(failure))));
  }

  /** Neighbouring kernels become one stage, neighbouring worker steps one task. */
  #joined(parts: readonly Part[]): Stage[] {
    const stages: Stage[] = [];
    let kernels: Kernel[] = [];
    let steps: WorkerStep[] = [];
    const turn = () => {
      if (kernels.length > 0) stages.push({ kernels });
      if (steps.length > 0) stages.push(this.#packing(steps));
      kernels = [];
      steps = [];
    };
    for (const part of parts) {
      const isStep = 'worker' in part;
      if (!isStep && part.atOnce !== undefined) {
        turn();
        stages.push(alongside(part, part.atOnce));
        continue;
      }
      if (isStep ? kernels.length > 0 : steps.length > 0) turn();
      if (isStep) steps.push(part);
      else kernels.push(part);
    }
    turn();
    return stages;
  }

  #packing(steps: readonly WorkerStep[]): Stage {
    const { packer } = this.#around;
    const step = async (item: Item): Promise<Item> => ({
      ...item,
      value: await packer.pack(item.value as TextFile | Album, steps, this.#break.signal),
    });
    return { step, atOnce: packer.atOnce, operators: steps.length };
  }

  async #failed(item: Item, error: IovError): Promise<void> {
    const goTo = this.#failuresGoTo;
    this.#log(item, error);
    this.#around.live?.settled(error.code);
    if (goTo === 'run') this.#failure ??= error;
    // What may go well later is not a dead letter: the run stops, and takes the item up again when it starts anew.
    const again = goTo === 'deadLetters' && error.retryable;
    if (error.keep || (goTo === 'deadLetters' && !again)) await this.#keep(item, error);
    item.receipt.failed(error);
    this.#around.settled(item, error);
    if (again) throw error;
  }

  #log(item: Item, error: IovError): void {
    const { log } = this.#around.context;
    const fields = {
      pipeline: this.#pipeline.name,
      origin: item.origin,
      code: error.code,
      requestId: item.tags.requestId,
    };
    log.warn(fields, error.message);
  }

  async #keep(item: Item, error: IovError): Promise<void> {
    const letter = letterOf(this.#pipeline.name, item, error);
    await this.#around.context.store.commit([(transaction) => transaction.addDeadLetter(letter)]);
  }
}

/** A kernel that works on many items at once, each on its own. */
function alongside(kernel: Kernel, atOnce: number): Stage {
  const step = async (item: Item): Promise<Item> => {
    const [only, ...others] = await kernel.transform(item);
    if (only && others.length === 0) return only;
    throw new IovError('INTERNAL', `expected one item of a kernel with atOnce, got ${only ? others.length + 1 : 0}`);
  };
  return { step, atOnce };
}
