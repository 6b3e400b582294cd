import type { CardState } from '../contract/card.js';
import type { Site } from '../contract/context.js';
import { codesMeaning, resolveCodeTables } from './codes/index.js';
import { tableOf } from './tables/index.js';
import { table8 } from './tables/table8.js';

/** What ends service, as table A.2 may call it: the card is given up, or the car it is in is scrapped. */
const ENDS = ['销户', '注销', '报废'];
/** VehicleStatus 6 of table 8: 报废. */
const SCRAPPED = '6';

/** When service to a card ended; undefined while it lasts, or where nobody has registered the card. */
export type ServiceEnd = (card: CardState) => number | undefined;

/**
 * Service ends (notice article 18) where the last word about a card says so: the operation (OperType, A.2) of its last
 * registration or of the operator's own card data, whichever came later, or the state of the car. Card data that names no
 * operation says nothing of it, and whatever operation comes later (过户, 开户) begins service anew. The term counts from
 * when that word was accepted here, which is never before the business itself.
 */
export function compileServiceEnd(site: Site): ServiceEnd {
  const tables = resolveCodeTables(site.codes);
  const ending = new Set(ENDS.flatMap((means) => [...codesMeaning(tables, 'A.2', means)]));
  const at = table8.fields.findIndex(({ name }) => name === 'VehicleStatus');
  const statusField = tableOf(8, site.tables).fields[at]?.name ?? 'VehicleStatus';
  return ({ registration, card }) => {
    const ofCard = card && operationOf(card);
    const cardSpeaksLast = ofCard !== undefined && (card?.updatedAt ?? 0) > (registration?.updatedAt ?? 0);
    if (cardSpeaksLast) return ending.has(ofCard) ? card?.updatedAt : undefined;
    if (!registration) return undefined;
    const isOver = ending.has(operationOf(registration) ?? '') || registration.fields[statusField] === SCRAPPED;
    return isOver ? registration.updatedAt : undefined;
  };
}

/** Table 7 says it outside the record; card data may have it as a field. */
function operationOf({ tags, fields }: NonNullable<CardState['card']>): string | undefined {
  return tags.operType ?? (typeof fields.OperType === 'string' ? fields.OperType : undefined);
}
