import type { Check } from './check.js';
import { iccidIssuers } from './operators.js';

/** The issuer in an ICCID is the operator that the record names; where the issuer is unknown nothing is said. */
export const iccidOperator: Check = (value, basicOperator) => {
  const issuer = value.startsWith('8986') ? iccidIssuers.get(value.slice(4, 6)) : undefined;
  if (issuer === undefined || issuer === basicOperator) return undefined;
  return { rule: `an ICCID of the operator named by BasicOperator; this issuer is operator ${issuer}` };
};
