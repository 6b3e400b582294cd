import { Ajv, type Options } from 'ajv';

export type { ErrorObject } from 'ajv';

/**
 * A new ajv: every fault and not just the first, strict about the schemas it is given.
 * Lengths count UTF-16 units, which costs nothing; counting code points would walk every string.
 */
export function newAjv(options: Options = {}): Ajv {
  return new Ajv({ allErrors: true, strict: true, unicode: false, logger: false, ...options });
}
