import type { Check } from './check.js';
import { imsiNetworks } from './operators.js';

/** The network in an IMSI is that of the operator that the record names; where it is unknown nothing is said. */
export const imsiOperator: Check = (value, basicOperator) => {
  const network = value.startsWith('460') ? imsiNetworks.get(value.slice(3, 5)) : undefined;
  if (network === undefined || network === basicOperator) return undefined;
  return { rule: `an IMSI of the operator named by BasicOperator; this network is operator ${network}` };
};
