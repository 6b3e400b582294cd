import type { Check } from './check.js';
import { imsiNetworks } from './operators.js';

/** ITU-T E.212: 460 for China, two digits of the network, ten of the subscriber. */
export const imsi: Check = (value) => {
  if (!/^460\d{12}$/.test(value)) return { rule: 'an IMSI: 460 and 12 more digits' };
  if (!imsiNetworks.has(value.slice(3, 5)))
    return { rule: 'an IMSI of a known network (4th and 5th digit)', warningOnly: true };
  return undefined;
};
