import t from 'tap';
import { CODES, type ErrorCode } from '../../contract/codes.js';
import { IovError } from '../../contract/error.js';
import { answer, FAILURES, isFailureCode } from '../../notice/failure.js';

const invalid = new IovError('RECORD_INVALID', 'table 8: 1 fault', {
  faults: [{ field: 'CustomerType', label: '用户类型', rule: 'one of 1, 2', value: '3' }],
});

t.test('table 4 is whole', async (t) => {
  t.same(Object.keys(FAILURES), ['400', '401', '405', '501', '604']);
  t.notOk(isFailureCode('toString'));
});

t.test('success has two fields, failure three, in the order of tables 3 and 9', async (t) => {
  t.equal(JSON.stringify(answer('R-1')), '{"RequestID":"R-1","OprRst":"1"}');
  t.equal(JSON.stringify(answer('', invalid)), '{"RequestID":"","OprRst":"2","FailureCause":"400"}');
});

t.test('every error has a cause to tell: a bare code, or plain text in Chinese', async (t) => {
  for (const code of Object.keys(CODES) as ErrorCode[]) {
    const cause = answer('R-1', new IovError(code, 'x')).FailureCause;
    t.ok(cause && (isFailureCode(cause) || /^[\u4e00-\u9fff]/.test(cause)), `${code}: ${cause}`);
  }
  t.equal(answer('R-1', new IovError('SFTP_TIMEOUT', 'x')).FailureCause, '604', 'what is ours alone is internal');
});

t.test('explain appends the reason to a bare code, and every fault to that', async (t) => {
  const explained = answer('R-1', invalid, { explain: true }).FailureCause;
  t.equal(explained, '400: table 8: 1 fault; CustomerType 用户类型: expected one of 1, 2, got 3');
  const limit = new IovError('CARD_LIMIT', 'eleven cards');
  t.equal(
    answer('R-1', limit, { explain: true }).FailureCause,
    CODES.CARD_LIMIT.failureCause,
    'text is its own reason',
  );
});

t.test('explain keeps the inside of an internal error inside', async (t) => {
  const inside = new IovError('INTERNAL', 'cannot open /var/secret.db');
  const told = answer('R-1', inside, { explain: true }).FailureCause;
  t.equal(told, `604: ${CODES.INTERNAL.cause}`);
});

t.test('an explanation is bounded', async (t) => {
  const faults = Array.from({ length: 500 }, () => invalid.faults[0]!);
  const told = answer('R-1', new IovError('RECORD_INVALID', 'x', { faults }), { explain: true }).FailureCause ?? '';
  t.ok(told.length <= 1010);
  t.match(told, /…$/);
});
