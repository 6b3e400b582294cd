const WIDTH = 24;
const REDRAW_MS = 100;
/** Before, nothing can be said of the pace. */
const ESTIMATED_MS = 2_000;

/** How far long work has come: one line redrawn on a terminal, a line every tenth of the way elsewhere. On stderr. */
export class Progress {
  readonly #label: string;
  readonly #terminal = process.stderr.isTTY === true;
  #total = 0;
  #done = 0;
  #shown = 0;
  #drawnAt = 0;
  readonly #begunAt = performance.now();

  constructor(label: string) {
    this.#label = label;
  }

  /** How much there is, as far as is known by now. */
  of(total: number): void {
    this.#total = total;
  }

  done(count: number): void {
    this.#done = count;
    if (this.#terminal) {
      if (performance.now() - this.#drawnAt >= REDRAW_MS || count === this.#total) this.#draw();
      return;
    }
    const tenth = this.#total === 0 ? 0 : Math.floor((10 * count) / this.#total);
    if (tenth <= this.#shown) return;
    this.#shown = tenth;
    process.stderr.write(`${this.#label}: ${count} of ${this.#total}${this.#left()}\n`);
  }

  /** Leaves the line as it is and goes to the next. */
  end(): void {
    if (!this.#terminal) return;
    this.#draw();
    process.stderr.write('\n');
  }

  #draw(): void {
    this.#drawnAt = performance.now();
    const share = this.#total === 0 ? 0 : Math.min(1, this.#done / this.#total);
    const bar = '█'.repeat(Math.round(share * WIDTH)).padEnd(WIDTH, '░');
    process.stderr.write(`\r\u001b[2K${this.#label.padEnd(30)} ${bar} ${this.#done}/${this.#total}${this.#left()}`);
  }

  /** How long it will take at the pace so far; nothing while that would be a guess, or is not worth a word. */
  #left(): string {
    const tookMs = performance.now() - this.#begunAt;
    if (tookMs < ESTIMATED_MS || this.#done === 0 || this.#done >= this.#total) return '';
    const seconds = Math.ceil(((tookMs / this.#done) * (this.#total - this.#done)) / 1000);
    const text = seconds < 120 ? `${seconds} s` : `${Math.ceil(seconds / 60)} min`;
    return `, about ${text} left`;
  }
}
