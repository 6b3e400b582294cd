import fc from 'fast-check';
import t from 'tap';
import { IovError } from '../../contract/error.js';
import { Receipt } from '../../contract/receipt.js';

const broken = new IovError('INTERNAL', 'broken');

t.test('a receipt settles once, whatever is said later', async (t) => {
  const said: (IovError | undefined)[] = [];
  const receipt = new Receipt((error) => said.push(error));
  receipt.arrived();
  receipt.failed(broken);
  receipt.arrived();
  t.same(said, [undefined]);
});

t.test('a shared receipt waits for its close and for every part, and fails if one of them failed', async (_t) => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { maxLength: 20 }), fc.nat(), (parts, closeAt) => {
      const said: (IovError | undefined)[] = [];
      const share = new Receipt((error) => said.push(error)).share();
      const receipts = parts.map(() => share.part());
      const at = closeAt % (parts.length + 1);
      receipts.forEach((receipt, index) => {
        if (index === at) share.close();
        if (said.length > 0) throw new Error('settled before the last part');
        if (parts[index]) receipt.arrived();
        else receipt.failed(broken);
      });
      if (at === parts.length) share.close();
      return said.length === 1 && said[0] === (parts.includes(false) ? broken : undefined);
    }),
    { seed: 2022, numRuns: 300 },
  );
});

t.test('joined receipts settle alike', async (t) => {
  const said: (IovError | undefined)[] = [];
  const one = () => new Receipt((error) => said.push(error));
  Receipt.join([one(), one()]).failed(broken);
  t.same(said, [broken, broken]);
});
