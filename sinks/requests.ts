import { defineSink } from '../contract/component.js';
import { Type } from '../contract/schema.js';
import { commandRequest } from '../stores/commandRequest.js';
import { requestOnce } from '../stores/requestOnce.js';

export const spec = defineSink({
  name: 'requests',
  summary: 'Ends a command channel: the command, and what is due for it, is durable before its sender is answered.',
  description:
    'The RequestID and what the operators want stored with it (`expect`: the files that are due) are one transaction; many of them share one flush to the disk. A command that comes again with the same content stores nothing and succeeds; with another content it is refused (400). The same RequestID for another car maker (table 1: Code) is another command.',
  sections: ['5.1.2.2', '5.2.2.2', '7.3'],
  takes: ['message'],
  options: Type.Object(
    {
      concurrency: Type.Integer({
        default: 1024,
        minimum: 1,
        maximum: 10_000,
        description: 'Commands that may wait for one flush.',
      }),
    },
    { additionalProperties: false },
  ),
  examples: [{ title: 'After `expect`', yaml: '{}' }],
  create: ({ concurrency }, { store }) => ({
    concurrency,
    write: (item) => store.commit([requestOnce(commandRequest(item), item.effects)]),
  }),
});
