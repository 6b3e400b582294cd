import fc from 'fast-check';
import t from 'tap';
import type { DialectOptions, Peer } from '../../contract/peer.js';
import type { JsonObject } from '../../contract/tags.js';
import { Dialect, dialectFinder, dialectsOf } from '../../notice/dialect.js';
import { table8 } from '../../notice/tables/table8.js';

const plain: DialectOptions = { fields: {}, signature: 'lower' };
const options: DialectOptions = {
  fields: {
    RequestID: 'serialNo',
    Auth: 'auth',
    PlatformID: 'appId',
    NameVehicleEnterprise: 'VehicleOrgName',
    ICCID: 'iccid',
  },
  cards: { list: 'CardInfo', fields: ['MSISDN', 'ICCID'], max: 3 },
  reply: { result: 'Code', cause: 'Message', success: ['200', '0'], again: ['604', '500'] },
  signature: 'upper',
};
const dialect = new Dialect(options);
const refused = (field: string) => ({ code: 'RECORD_INVALID', failureCause: '400', faults: [{ field }] });

t.test('a message and its Auth are translated both ways, order and values kept', async (t) => {
  const ours = { OperType: '1', Auth: { PlatformID: 'P', SignNature: 'S' }, RequestID: 'R1', Code: 'LSV1' };
  const theirs = { OperType: '1', auth: { appId: 'P', SignNature: 'S' }, serialNo: 'R1', Code: 'LSV1' };
  t.equal(JSON.stringify(dialect.messageToPeer(ours)), JSON.stringify(theirs));
  t.equal(JSON.stringify(dialect.messageFromPeer(theirs)), JSON.stringify(ours));
  t.same(dialect.messageFromPeer(ours), ours, 'the names of the notice are understood, too');
  t.throws(() => dialect.messageFromPeer({ ...theirs, RequestID: 'R2' }), refused('RequestID'), 'but not both at once');
});

t.test('a dialect that names nothing changes nothing', async (t) => {
  const message = { RequestID: 'R1', Auth: { PlatformID: 'P' } };
  t.same(new Dialect(plain).messageFromPeer(message), message);
  t.same(new Dialect(plain).recordsFromPeer(message), [message]);
  t.same(new Dialect(plain).answerToPeer({ RequestID: 'R1', OprRst: '1' }), { RequestID: 'R1', OprRst: '1' });
  t.match(new Dialect(plain).readAnswer({ RequestID: 'R1', OprRst: '2', FailureCause: '604' }), { again: true });
});

t.test('a list of cards is a record each, and a record has a list of one', async (t) => {
  const theirs = {
    Name: 'x',
    CardInfo: [
      { MSISDN: '1', iccid: 'a' },
      { MSISDN: '2', iccid: 'b' },
    ],
    VehicleOrgName: 'y',
  };
  const rest = { Name: 'x', NameVehicleEnterprise: 'y' };
  t.same(dialect.recordsFromPeer(theirs), [
    { ...rest, MSISDN: '1', ICCID: 'a' },
    { ...rest, MSISDN: '2', ICCID: 'b' },
  ]);
  t.same(dialect.recordsFromPeer({ ...rest, ICCID: 'a' }), [{ ...rest, ICCID: 'a' }], 'without a list, one record');
  const ours = { Name: 'x', MSISDN: '1', ICCID: 'a', NameVehicleEnterprise: 'y' };
  const one = { Name: 'x', CardInfo: [{ MSISDN: '1', iccid: 'a' }], VehicleOrgName: 'y' };
  t.equal(JSON.stringify(dialect.recordToPeer(ours)), JSON.stringify(one));
});

t.test('a list that is none, empty, too long or has a card twice is refused', async (t) => {
  const card = (iccid: string) => ({ iccid });
  const wrong: unknown[] = ['a', {}, [], ['a'], [null], ['a', 'b', 'c', 'd'].map(card), [card('a'), card('a')]];
  for (const CardInfo of wrong) t.throws(() => dialect.recordsFromPeer({ CardInfo }), refused('CardInfo'));
  t.equal(dialect.recordsFromPeer({ CardInfo: ['a', 'b', 'c'].map(card) }).length, 3, 'control');
});

t.test('what is sent in a dialect is read as it was', async () => {
  const record = fc.dictionary(fc.constantFrom(...table8.fields.map(({ name }) => name)), fc.string());
  fc.assert(
    fc.property(record, (given) => {
      const [back, ...others] = dialect.recordsFromPeer(dialect.recordToPeer(given));
      const sorted = (object: JsonObject = {}) => JSON.stringify(Object.entries(object).sort());
      return others.length === 0 && sorted(back) === sorted(given);
    }),
  );
});

t.test('an answer is read by its values, whatever their type', async (t) => {
  const read = (body: JsonObject) => dialect.readAnswer(body);
  t.same(read({ Code: '200', Message: 'ok' }), {
    requestId: undefined,
    done: true,
    again: false,
    cause: 'Code 200: ok',
  });
  t.match(read({ Code: 0 }), { done: true, cause: 'Code 0' });
  t.match(read({ Code: 500, Message: '系统繁忙' }), { done: false, again: true, cause: 'Code 500: 系统繁忙' });
  t.match(read({ Code: '501', Message: null }), { done: false, again: false, cause: 'Code 501' });
  for (const body of [{}, { Code: null }, { Code: ['200'] }, { RequestID: 'R1', OprRst: '1' }])
    t.equal(read(body), undefined);
});

t.test('an answer that repeats the RequestID must have one', async (t) => {
  const echoing = new Dialect({ ...options, reply: { ...options.reply!, requestId: 'serialNo' } });
  t.match(echoing.readAnswer({ Code: '200', serialNo: 'R1' }), { requestId: 'R1', done: true });
  t.equal(echoing.readAnswer({ Code: '200' }), undefined);
  t.same(echoing.answerToPeer({ RequestID: 'R1', OprRst: '1' }), { serialNo: 'R1', Code: '200', Message: 'success' });
});

t.test('our answers are written in the type of its values', async (t) => {
  const write = (success: (string | number | boolean)[], cause?: string, failure?: string | number | boolean) =>
    new Dialect({
      ...plain,
      reply: { ...options.reply!, success, ...(failure !== undefined && { failure }) },
    }).answerToPeer(
      cause === undefined ? { RequestID: 'R', OprRst: '1' } : { RequestID: 'R', OprRst: '2', FailureCause: cause },
    );
  t.same(write(['200', '0']), { Code: '200', Message: 'success' }, 'the first value is ours');
  t.same(write([0]), { Code: 0, Message: 'success' });
  t.same(write([0], '401'), { Code: 401, Message: '401 unauthorized' });
  t.same(write(['0'], '400: wrong field'), { Code: '400', Message: '400: wrong field' });
  t.same(write(['0'], '请用户到营业厅办理'), { Code: '400', Message: '请用户到营业厅办理' });
  t.same(write([true], '501', false), { Code: false, Message: '501 no record' });
});

t.test('whose dialect it is, the PlatformID tells, under each peer’s own names', async (t) => {
  const peer = (platformId: string, dialect?: DialectOptions): Peer => ({
    platformId,
    password: 'x',
    codes: [],
    ...(dialect && { dialect }),
  });
  t.equal(dialectsOf({ a: peer('A') }), undefined);
  t.equal(dialectFinder({ a: peer('A') }), undefined, 'nobody is looked for where nobody has one');
  const find = dialectFinder({ a: peer('A'), b: peer('B', plain), c: peer('C', options) })!;
  t.ok(find({ Auth: { PlatformID: 'B' } }));
  t.ok(find({ auth: { appId: 'C' } }));
  for (const Auth of [undefined, null, 'B', { PlatformID: 'A' }, { PlatformID: 'C' }, { appId: 'C' }]) {
    t.equal(find({ Auth }), undefined, JSON.stringify(Auth));
  }
});
