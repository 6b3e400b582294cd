import { defineOperator } from '../contract/component.js';
import { IovError } from '../contract/error.js';
import { Type } from '../contract/schema.js';

export const spec = defineOperator({
  name: 'encrypt',
  summary: 'Encrypts each packed file with the cipher agreed on with a peer, in the worker thread that zips it.',
  description:
    'The file becomes a `.bin`. Its IV is made of one that is drawn once and kept in the ledger, and of the steps that pack it, so that other bytes of a file never go under the same key and IV; with `iv: prefix` it stands in the first 16 bytes. What waits in the outbox is packed again where `zip` or `encrypt` have been changed since, or the key has.',
  sections: ['6.1.3.1', '6.2.1.1', '6.2.3.1'],
  takes: ['file'],
  gives: 'file',
  worker: true,
  options: Type.Object(
    {
      peer: Type.String({ peer: 'cipher', description: 'The peer who will decrypt: its `cipher` is used.' }),
    },
    { additionalProperties: false },
  ),
  examples: [{ title: 'For the regulator', yaml: 'peer: regulator' }],
  create: (options, context) => {
    const cipher = context.peers[options.peer]?.cipher;
    if (!cipher) {
      throw new IovError('CONFIG_INVALID', `${context.place}: peer ${options.peer} has no cipher`);
    }
    return { worker: 'encrypt', cipher };
  },
});
