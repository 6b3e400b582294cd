import { defineSink } from '../contract/component.js';
import { Type } from '../contract/schema.js';

export const spec = defineSink({
  name: 'discard',
  summary: 'Lets items go: the end of a pipeline whose work is done by its operators.',
  description: 'For pipelines that check or count. An item arrives when it gets here.',
  takes: ['message', 'record', 'bytes', 'file'],
  options: Type.Object({}, { additionalProperties: false }),
  examples: [{ title: 'After verify', yaml: '{}' }],
  create: () => ({ concurrency: 1, write: async () => undefined }),
});
