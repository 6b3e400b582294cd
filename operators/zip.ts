import { defineOperator } from '../contract/component.js';
import { Type } from '../contract/schema.js';

export const spec = defineOperator({
  name: 'zip',
  summary: 'Compresses each text file, or the pictures of each album, into a zip of the same name, in a worker thread.',
  description:
    'The entry of a text file is called as the file, with `.txt`, and its time is that of the window; pictures have the names of 6.1.3.2, and the time at which they were asked for. So packing again gives the same bytes. What is packed goes from memory into the zip and is never written to a disk in plain.',
  sections: ['7.2', '6.2.1.1', '6.2.2.2', '6.1.3.2', '6.2.3.2'],
  takes: ['text', 'album'],
  gives: 'file',
  worker: true,
  options: Type.Object(
    {
      level: Type.Integer({
        default: 6,
        minimum: 0,
        maximum: 9,
        description:
          'Deflate level: 1 is fastest, 9 smallest; 0 only stores, for pictures that are compressed by nature. Agree on it with the receiver (7.2).',
      }),
    },
    { additionalProperties: false },
  ),
  examples: [
    { title: 'Twice as fast, a tenth larger', yaml: 'level: 3' },
    { title: 'Pictures', yaml: 'level: 0' },
  ],
  create: (options) => ({ worker: 'zip', level: options.level }),
});
