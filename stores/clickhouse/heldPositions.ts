import type { Records } from './records.js';

interface Asked {
  position: number;
  resolve(holds: boolean): void;
  reject(error: unknown): void;
}

/** In one query. */
const ASKED_MAX = 1_000;

/** Who asks about one position shares a query with all who ask in the same turn: a replay asks about each record. */
export class HeldPositions {
  readonly #records: Records;
  readonly #asked = new Map<string, Asked[]>();
  #turn: NodeJS.Immediate | undefined;

  constructor(records: Records) {
    this.#records = records;
  }

  has(kind: string, code: string, position: number): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const key = JSON.stringify([kind, code]);
      const asked = this.#asked.get(key) ?? [];
      asked.push({ position, resolve, reject });
      this.#asked.set(key, asked);
      this.#turn ??= setImmediate(() => this.#ask());
    });
  }

  #ask(): void {
    this.#turn = undefined;
    for (const [key, asked] of this.#asked) {
      const [kind, code] = JSON.parse(key) as [kind: string, code: string];
      for (let from = 0; from < asked.length; from += ASKED_MAX) {
        void this.#askFor(kind, code, asked.slice(from, from + ASKED_MAX));
      }
    }
    this.#asked.clear();
  }

  async #askFor(kind: string, code: string, asked: readonly Asked[]): Promise<void> {
    try {
      const held = await this.#records.held(
        kind,
        code,
        asked.map(({ position }) => position),
      );
      for (const { position, resolve } of asked) resolve(held.has(position));
    } catch (thrown) {
      for (const { reject } of asked) reject(thrown);
    }
  }
}
