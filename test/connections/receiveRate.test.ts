import t from 'tap';
import { ReceiveRate, receiveRateOf } from '../../connections/receiveRate.js';
import type { Store } from '../../contract/store.js';

const taken = (rate: ReceiveRate, count: number, atMs: number) =>
  Array.from({ length: count }, () => rate.take(atMs)).filter(Boolean).length;

t.test('a second’s worth is taken at once, then as much as time has brought', async (t) => {
  const rate = new ReceiveRate(4);
  t.equal(taken(rate, 10, 5_000), 4);
  t.equal(taken(rate, 10, 5_249), 0, 'not yet the next');
  t.equal(taken(rate, 10, 5_250), 1, 'a quarter of a second is one');
  t.equal(taken(rate, 10, 5_750), 2);
  t.equal(taken(rate, 10, 60_000), 4, 'a long pause brings a second’s worth and no more');
});

t.test('whoever sends that many in a second, evenly or all at once, is always served', async (t) => {
  const evenly = new ReceiveRate(500);
  for (let at = 0; at < 5_000; at += 1) if (!evenly.take(7.3 + at * 2)) t.fail(`refused at ${at}`);
  const atOnce = new ReceiveRate(500);
  for (let second = 0; second < 10; second += 1) t.equal(taken(atOnce, 500, 7.3 + second * 1_000), 500);
});

t.test('what is asked for above the rate puts nothing off', async (t) => {
  const rate = new ReceiveRate(1);
  t.equal(taken(rate, 1, 0), 1);
  for (let at = 100; at < 1_000; at += 100) t.notOk(rate.take(at));
  t.ok(rate.take(1_000));
});

t.test('a peer has one rate beside one store, until its bound is changed', async (t) => {
  const [store, another] = [{} as Store, {} as Store];
  const peer = { platformId: 'OEM-1', messagesPerSecondMax: 5 };
  const rate = receiveRateOf(peer, store);
  t.equal(rate?.perSecond, 5);
  t.equal(receiveRateOf({ ...peer }, store), rate, 'by its PlatformID: a reload makes peers anew');
  t.not(receiveRateOf({ ...peer, platformId: 'OEM-2' }, store), rate);
  t.not(receiveRateOf(peer, another), rate);
  t.equal(receiveRateOf({ ...peer, messagesPerSecondMax: 6 }, store)?.perSecond, 6);
  t.equal(receiveRateOf({ platformId: 'OEM-1' }, store), undefined);
});
