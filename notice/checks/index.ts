import type { CheckName } from '../table.js';
import type { Check } from './check.js';
import { creditCode } from './creditCode.js';
import { iccid } from './iccid.js';
import { iccidOperator } from './iccidOperator.js';
import { idNumber } from './idNumber.js';
import { imsi } from './imsi.js';
import { imsiOperator } from './imsiOperator.js';
import { listLength } from './listLength.js';
import { msisdn } from './msisdn.js';
import { plate } from './plate.js';
import { vin } from './vin.js';

/** Every check, by the name that the tables give it. */
export const checks: Readonly<Record<CheckName, Check>> = {
  creditCode,
  iccid,
  iccidOperator,
  idNumber,
  imsi,
  imsiOperator,
  listLength,
  msisdn,
  plate,
  vin,
};
