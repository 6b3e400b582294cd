import type { Site } from '../contract/context.js';
import type { JsonObject } from '../contract/tags.js';
import { isPresent } from './condition.js';
import { emptyRecord } from './shape.js';
import { tableOf } from './tables/index.js';
import { table8 } from './tables/table8.js';
import { table12 } from './tables/table12.js';
import { isSecond } from './timeFormat.js';

/** Table 12's names for what a registration (table 8) brings; every other field of table 12 is the operator's own. */
const fromRegistration: ReadonlyMap<string, string> = new Map(
  table8.fields.flatMap(({ name }) => {
    const name12 = nameInTable12(name);
    return name12 === undefined ? [] : [[name12, name] as const];
  }),
);

/**
 * The two tables use some names for different things: Company* and Operator* are the buyer of the car in table 8, the
 * enterprise that bought the cards in table 12; StatusUpdateTime is of the vehicle there, of the card here.
 */
function nameInTable12(name: string): string | undefined {
  if (name === 'CustomerCertNumber') return 'CustomerCertNmuber'; // as the notice spells it
  if (name === 'OperatorCertNumber') return 'IndividualUserOperatorCertNum';
  if (name.startsWith('Company')) return name === 'CompanyName' ? 'EndCompanyCompanyName' : `End${name}`;
  if (name.startsWith('Corporation')) return `End${name}`;
  if (name.startsWith('Operator')) return `IndividualUser${name}`;
  if (name.startsWith('Customer') || ['MSISDN', 'ICCID', 'VehicleStatus', 'AcceptTime'].includes(name)) return name;
  return undefined; // StatusUpdateTime, PhoName, ExtendPara: table 12 has no place for the registration's own
}

/** Fields that both sides bring: the card's identity, and the time of the last business on either side. */
const onBothSides = ['MSISDN', 'ICCID', 'AcceptTime'];

/** The fields of table 12 that the operator's card data brings, in the order of the table; OperType is the operation's. */
export const cardFields: readonly string[] = table12.fields
  .map((field) => field.name)
  .filter((name) => name !== 'OperType' && (!fromRegistration.has(name) || onBothSides.includes(name)));

export type Merge = (registration: JsonObject, card: JsonObject, operType: string) => JsonObject;

/** A merge for a site that has renamed fields of table 8 or 12. */
export function compileMerge(overrides: Site['tables'] = {}): Merge {
  const renamed8 = wireNames(8, overrides);
  const renamed12 = wireNames(12, overrides);
  const empty = emptyRecord([...renamed12.values()]);
  const in12 = (name: string) => renamed12.get(name)!;
  const ofCard = new Map(cardFields.map((name) => [in12(name), in12(name)]));
  const ofRegistration = new Map([...fromRegistration].map(([name12, name8]) => [renamed8.get(name8)!, in12(name12)]));
  const acceptTime = in12('AcceptTime');
  const ofOperation = in12('OperType');
  return (registration, card, operType) => {
    const record = { ...empty };
    copyPresent(card, ofCard, record);
    copyPresent(registration, ofRegistration, record);
    record[acceptTime] = later(record[acceptTime], card[acceptTime]);
    record[ofOperation] = isPresent(operType) ? operType : undefined;
    return record;
  };
}

/** @param names what each field is called in the record */
function copyPresent(from: JsonObject, names: ReadonlyMap<string, string>, record: JsonObject): void {
  for (const name in from) {
    const to = names.get(name);
    if (to !== undefined && isPresent(from[name])) record[to] = from[name];
  }
}

/**
 * A table-12 record (6.2.1.3) from a registration (table 8) and the operator's own data of the card, a part of table 12.
 * MSISDN and ICCID are the registration's, AcceptTime is the later one. Fields without a value are undefined.
 */
export const mergeRegistration: Merge = compileMerge();

function wireNames(number: number, overrides: Site['tables']): Map<string, string> {
  const standard = tableOf(number).fields;
  const wire = tableOf(number, overrides).fields;
  return new Map(standard.map((field, at) => [field.name, wire[at]!.name]));
}

function present(first: unknown, second: unknown): unknown {
  return isPresent(first) ? first : second;
}

/** Times of one form compare as text; one that is no time is never the later one. */
function later(first: unknown, second: unknown): unknown {
  if (typeof second !== 'string' || !isSecond(second)) return present(first, second);
  return typeof first === 'string' && isSecond(first) && first > second ? first : second;
}
