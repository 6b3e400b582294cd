import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { packedContent, plainContent } from '../../../engine/yamlTests/content.js';
import { maker } from '../../support/messages.js';

const AT_MS = Date.UTC(2026, 10, 15);

t.test('what a sender packs is read back as it was written, encrypted or not', async (t) => {
  const content = {
    'a.txt': [{ x: '1' }, { x: '二' }],
    'b.jpg': 'base64:/9j/4A==',
    'c.txt': 'no record\n',
    'd.txt': [],
  };
  for (const cipher of [undefined, maker.cipher]) {
    const path = join(t.testdir(), cipher ? 'f.bin' : 'f.zip');
    const bytes = Buffer.from(await packedContent(content, cipher, AT_MS));
    writeFileSync(path, bytes);
    t.equal(bytes.includes('二'), false);
    t.strictSame(await plainContent(path, bytes, cipher), content);
  }
});

t.test('a file that the chain has not encrypted is told as it is', async (t) => {
  t.equal(
    await plainContent('HT.bin', Buffer.from(await packedContent('sealed', undefined, AT_MS)), undefined),
    'sealed',
  );
  t.equal(await plainContent('HT.bin', Buffer.from('ff00', 'hex'), undefined), 'base64:/wA=');
});
