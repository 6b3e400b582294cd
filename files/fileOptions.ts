import { Type } from '../contract/schema.js';
import { GLOB } from './globs.js';

/** Beside the files of a sender: those that became dead letters. */
export const REFUSED = 'refused';

/** Options of every source of files that others put somewhere. */
export const fileOptions = {
  except: Type.Array(Type.String({ pattern: GLOB }), {
    description: 'Names that are left to another pipeline, which watches the same directory.',
    default: [],
    maxItems: 100,
    examples: [['HT_*']],
  }),
  handled: Type.Union([Type.Literal('keep'), Type.Literal('remove')], {
    description:
      'What becomes of a file that has arrived at the sink: it is kept and remembered, or removed. One that became a dead letter moves into `refused/` beside it.',
    default: 'keep',
  }),
  refusedMax: Type.Integer({
    description: 'Refused files that are kept in one folder; beyond, the oldest are removed.',
    default: 1_000,
    minimum: 1,
    maximum: 100_000,
  }),
  staleTmpMs: Type.Integer({
    description: 'Time after which a `.tmp` that does not change is reported.',
    default: 21_600_000,
    minimum: 1,
    maximum: 31_536_000_000,
  }),
};
