import type { Site } from '../contract/context.js';
import type { JsonObject } from '../contract/tags.js';
import { isPresent } from './condition.js';
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
  const steps = table12.fields.map(({ name }) => ({
    wire: renamed12.get(name)!,
    fromRegistration: renamed8.get(fromRegistration.get(name) ?? ''),
    fromCard: cardFields.includes(name),
    isAcceptTime: name === 'AcceptTime',
    isOperType: name === 'OperType',
  }));
  return (registration, card, operType) => {
    const record: JsonObject = {};
    for (const step of steps) {
      const ours = step.fromCard ? card[step.wire] : undefined;
      const theirs = step.fromRegistration === undefined ? undefined : registration[step.fromRegistration];
      const value = step.isOperType ? operType : step.isAcceptTime ? later(theirs, ours) : present(theirs, ours);
      if (isPresent(value)) record[step.wire] = value;
    }
    // An object filled name by name has V8's slow layout; a copy has the fast one, which validating and writing repay.
    return { ...record };
  };
}

/**
 * A table-12 record (6.2.1.3) from a registration (table 8) and the operator's own data of the card, a part of table 12.
 * MSISDN and ICCID are the registration's, AcceptTime is the later one. Fields without a value are left out.
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
