import type { Site } from '../contract/context.js';
import { IovError } from '../contract/error.js';
import type { JsonObject } from '../contract/tags.js';
import { tableOf } from './tables/index.js';
import { compileValidator } from './validator.js';

/**
 * What a channel asks of a message before anything else: the fields that its table demands (tables 1, 5, 7, 10).
 * @throws IovError RECORD_INVALID from the check that comes back
 */
export function compileMessageCheck(request: 1 | 5 | 7 | 10, tables: Site['tables']): (message: JsonObject) => void {
  const validate = compileValidator(tableOf(request, tables), { codes: 'pass', checks: 'off', unknown: 'warn' });
  return (message) => {
    const { faults } = validate(message);
    if (faults.length > 0)
      throw new IovError('RECORD_INVALID', `message does not keep to table ${request}`, { faults });
  };
}
