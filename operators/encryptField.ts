import { defineOperator } from '../contract/component.js';
import { IovError } from '../contract/error.js';
import { Type } from '../contract/schema.js';
import type { JsonObject } from '../contract/tags.js';
import { createCipher } from '../crypto/cipher.js';
import { Dialect } from '../notice/dialect.js';

export const spec = defineOperator({
  name: 'encryptField',
  summary: 'Replaces the plain record in a message’s field by its ciphertext, with the key agreed on with a peer.',
  description:
    'The sender’s side of `decrypt`: table 8 into `EncryptUserInfo`, table 11 into `EncryptCarInfo`. Each message gets an IV of its own. Where the peer has a dialect, the record gets its field names and its list of cards first.',
  sections: ['6.1.1.1', '6.1.2.1'],
  takes: ['message'],
  gives: 'message',
  options: Type.Object(
    {
      field: Type.String({
        minLength: 1,
        maxLength: 64,
        description: 'The field that holds the plain record.',
        examples: ['EncryptUserInfo'],
      }),
      peer: Type.String({ peer: 'cipher', description: 'The peer whose cipher is used.' }),
    },
    { additionalProperties: false },
  ),
  examples: [{ title: 'A car maker’s accounts', yaml: 'field: EncryptUserInfo\npeer: operator' }],
  create({ field, peer }, { peers, place }) {
    const agreed = peers[peer]?.cipher;
    if (!agreed) throw new IovError('CONFIG_INVALID', `${place}.peer: expected a peer with a cipher, got ${peer}`);
    const cipher = createCipher(agreed);
    cipher.encryptText(''); // a key that is missing is told now, not at the first message
    const dialect = peers[peer]?.dialect && new Dialect(peers[peer].dialect);
    return {
      transform(item) {
        const message = item.value as JsonObject;
        const plain = message[field];
        if (typeof plain !== 'object' || plain === null || Array.isArray(plain)) {
          const fault = { field, label: '', rule: 'the plain record, an object' };
          throw new IovError('RECORD_INVALID', 'nothing to encrypt', { faults: [fault] });
        }
        const record = dialect ? dialect.recordToPeer(plain as JsonObject) : plain;
        return [{ ...item, value: { ...message, [field]: cipher.encryptText(JSON.stringify(record)) } }];
      },
    };
  },
});
