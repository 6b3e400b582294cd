import type { CardSide } from '../../contract/card.js';
import { RowWriter } from './rowBinary.js';

/** A row of the table `cards`: one side of a card, as the ledger stores it. */
export interface CardRow {
  iccid: string;
  side: CardSide;
  /** Of rows about one side that with the greatest counts. */
  version: number;
  at: number;
  /** Empty where the ledger has none. */
  person: string;
  content: string;
}

/** In the order of the table's columns. */
export function encodedCards(rows: readonly CardRow[]): Buffer {
  const writer = new RowWriter();
  for (const { iccid, side, version, at, person, content } of rows) {
    writer.text(iccid);
    writer.text(side);
    writer.number64(version);
    writer.number64(at);
    writer.text(person);
    writer.text(content);
  }
  return writer.done();
}

/** Changes of one take-over, and take-overs, of which a number holds exactly as many as there may ever be. */
const CHANGES = 2 ** 40;

/** Whoever took over later has the greater versions: what one before it still writes never counts. */
export function versionOf(epoch: number, change: number): number {
  return epoch * CHANGES + change;
}
