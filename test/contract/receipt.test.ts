import fc from 'fast-check';
import t from 'tap';
import { IovError } from '../../contract/error.js';
import { type Held, Receipt } from '../../contract/receipt.js';

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

t.test('what is held back is told once that is all that came of an item and has not settled', async (t) => {
  const told: (readonly Held[])[] = [];
  const whole = new Receipt(
    () => undefined,
    (writes) => told.push(writes),
  );
  const faulty = new IovError('MESSAGE_TOO_LARGE', 'too large');
  const write = (): Held => ({ isOver: false, arrived: () => undefined });
  const share = whole.share();
  const [one, two, three] = [share.part(), share.part(), share.part()];
  const inner = three.share();
  const last = inner.part();
  inner.close();
  const [first, other] = [write(), write()];
  one.hold([first]);
  last.hold([other]);
  share.close();
  t.same(told, []);
  two.failed(faulty);
  t.strictSame(told, [[first, other]], 'a dead letter among them holds nothing up');
  one.failed(faulty);
  t.strictSame(told[1], [other], 'nor does one that could not be written');
  const again = new Receipt(
    () => undefined,
    () => t.fail('an item that is taken up again'),
  ).share();
  again.part().failed(new IovError('STOPPED', 'stopped'));
  again.part().hold([first]);
  again.close();
  t.notOk(new Receipt(() => undefined).share().part().canHold);
});
