import t from 'tap';
import { didYouMean, suggest } from '../../engine/suggest.js';

t.test('a slip of the finger is understood', async (t) => {
  const known = ['split', 'zip', 'encrypt', 'encryptField', 'bytesMax'];
  t.equal(suggest('zipp', known), 'zip');
  t.equal(suggest('bytes_max', known), 'bytesMax');
  t.equal(suggest('ENCRYPT', known), 'encrypt');
  t.equal(suggest('encyptfield', known), 'encryptField');
});

t.test('what is far from every word suggests nothing', async (t) => {
  t.equal(suggest('kafka', ['split', 'zip']), undefined);
  t.equal(didYouMean('kafka', ['split', 'zip']), '');
});
