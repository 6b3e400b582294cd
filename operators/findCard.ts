import { stat } from 'node:fs/promises';
import { defineOperator, type Kernel } from '../contract/component.js';
import type { Context } from '../contract/context.js';
import { IovError } from '../contract/error.js';
import type { Item } from '../contract/item.js';
import { Type } from '../contract/schema.js';
import type { JsonObject } from '../contract/tags.js';
import { iccidsOf } from '../notice/iccids.js';
import { commandRequest } from '../stores/commandRequest.js';
import { seenRequest } from '../stores/requestOnce.js';

export const spec = defineOperator({
  name: 'findCard',
  summary: 'Lets a command pass when every card that it names is known here.',
  description:
    'Known is a card that the state by card has, from a registration or from the card data; with `directory`, one that has a directory of its own there. Otherwise the answer is 501 (table 4). An ICCID may name up to 100 cards, with a comma, a semicolon or white space between. A command that has been accepted before passes, so that a retry gets the first answer.',
  sections: ['5.1.2.2', '5.2.2.2'],
  takes: ['message'],
  gives: 'message',
  options: Type.Object(
    {
      directory: Type.Optional(
        Type.String({
          pattern: '^[^{}\\u0000]*\\{iccid\\}[^{}\\u0000]*$',
          maxLength: 4_096,
          expected: 'a path with {iccid} in it',
          description: 'Where a card has its directory, as at a car maker, who has no state by card.',
          examples: ['contracts/{iccid}'],
        }),
      ),
    },
    { additionalProperties: false },
  ),
  examples: [
    { title: 'An operator, by the state by card', yaml: '{}' },
    { title: 'A car maker, by its contracts', yaml: 'directory: "contracts/{iccid}"' },
  ],
  create: ({ directory }, context) =>
    directory === undefined ? findInState(context) : findDirectories(directory, context),
});

/** Looks that may wait for the disk at once. */
const LOOKS_MAX = 64;

function findInState(context: Context): Kernel {
  return {
    transform(item) {
      const iccids = cardsOf(item);
      const known = context.store.read((state) => iccids.filter((iccid) => state.card(iccid) !== undefined));
      return passed(item, known.length, iccids.length, context);
    },
  };
}

function findDirectories(pattern: string, context: Context): Kernel {
  // no card can lead elsewhere: it is letters and digits alone
  const hasDirectory = (iccid: string) => isDirectory(context.resolve(pattern.replace('{iccid}', iccid)));
  return {
    atOnce: LOOKS_MAX,
    async transform(item) {
      const iccids = cardsOf(item);
      const known = await Promise.all(iccids.map(hasDirectory));
      return passed(item, known.filter(Boolean).length, iccids.length, context);
    },
  };
}

function cardsOf({ value }: Item): string[] {
  const { ICCID } = value as JsonObject;
  return iccidsOf(typeof ICCID === 'string' ? ICCID : '');
}

function passed(item: Item, known: number, named: number, { store }: Context): [Item] {
  if (known === named || store.read((state) => seenRequest(state, commandRequest(item)))) return [item];
  const missing = named === 1 ? 'the card is not known' : `${named - known} of ${named} cards are not known`;
  throw new IovError('NO_RECORD', missing);
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (cause) {
    const { code = '', message } = cause as NodeJS.ErrnoException;
    if (['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG'].includes(code)) return false;
    // the message would hold the card's number
    throw new IovError('FILE_UNREADABLE', `looking for a card's directory: ${code || message.split(':', 1)[0]}`);
  }
}
