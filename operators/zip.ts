import { Type } from 'typebox';
import { defineOperator } from '../contract/component.js';

export const spec = defineOperator({
  name: 'zip',
  summary: 'Compresses each text file into a zip of the same name, in a worker thread.',
  description:
    'The entry is called as the file, with `.txt`; its time is that of the window, so that packing again gives the same bytes. The text goes from memory into the zip and is never written to a disk.',
  sections: ['7.2', '6.2.1.1', '6.2.2.2'],
  takes: ['text'],
  gives: 'file',
  worker: true,
  options: Type.Object(
    {
      level: Type.Integer({
        default: 6,
        minimum: 1,
        maximum: 9,
        description: 'Deflate level: 1 is fastest, 9 smallest. Agree on it with the receiver (7.2).',
      }),
    },
    { additionalProperties: false },
  ),
  examples: [{ title: 'Twice as fast, a tenth larger', yaml: 'level: 3' }],
  create: (options) => ({ worker: 'zip', level: options.level }),
});
