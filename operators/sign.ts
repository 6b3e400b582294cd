import { defineOperator } from '../contract/component.js';
import { IovError } from '../contract/error.js';
import { Type } from '../contract/schema.js';
import type { JsonObject, Tags } from '../contract/tags.js';
import { signNature } from '../notice/signature.js';

export const spec = defineOperator({
  name: 'sign',
  summary: 'Adds Auth to a message: who we are for a peer, and the proof of it.',
  description:
    'PlatformID and password are those the peer gave us, in the peers file; SignNature is their SM3 (tables 2 and 6), in the letters that the peer’s dialect wants.',
  sections: ['5.1.2.1', '5.2.2.1'],
  takes: ['message'],
  gives: 'message',
  options: Type.Object(
    { peer: Type.String({ peer: true, description: 'The peer the message is for.' }) },
    { additionalProperties: false },
  ),
  examples: [
    {
      title: 'Messages for the operator, to whom we are OEM-1 with the password `correct horse`',
      yaml: 'peer: operator',
      input: [{ RequestID: 'R1' }],
      output: [
        {
          RequestID: 'R1',
          Auth: {
            PlatformID: 'OEM-1',
            SignNature: '165fa4ead19a48377c41ce020d226750a9dce98ffbf6a1fa18395acc15a7e7ed',
          },
        },
      ],
    },
  ],
  create({ peer }, { peers, place }) {
    const self = peers[peer];
    if (!self) throw new IovError('CONFIG_INVALID', `${place}.peer: expected a peer of the peers file, got ${peer}`);
    const signature = signNature(self.platformId, self.password);
    const isUpper = self.dialect?.signature === 'upper';
    const auth = { PlatformID: self.platformId, SignNature: isUpper ? signature.toUpperCase() : signature };
    return {
      transform(item) {
        const message = item.value as JsonObject;
        const { RequestID: requestId, Code: code } = message;
        if (typeof requestId !== 'string' || requestId === '') {
          const fault = { field: 'RequestID', label: '请求标识', rule: 'M: must be present' };
          throw new IovError('RECORD_INVALID', 'message without RequestID', { faults: [fault] });
        }
        const tags: Tags = { ...item.tags, requestId };
        if (typeof code === 'string') tags.code = code;
        return [{ ...item, value: { ...message, Auth: { ...auth } }, tags }];
      },
    };
  },
});
