import t from 'tap';
import { kafkaError } from '../../connections/kafkaFailures.js';
import { IovError } from '../../contract/error.js';

const coded = (code: number) => Object.assign(new Error(`code ${code}`), { code });

t.test('what librdkafka says has one of our codes', (t) => {
  const meanings: [number, string][] = [
    [-195, 'KAFKA_UNREACHABLE'],
    [7, 'KAFKA_UNREACHABLE'],
    [3, 'KAFKA_REFUSED'],
    [-169, 'KAFKA_REFUSED'],
    [22, 'KAFKA_OVERTAKEN'],
    [27, 'KAFKA_OVERTAKEN'],
    [90, 'KAFKA_OVERTAKEN'],
    [-144, 'KAFKA_OVERTAKEN'],
    [10, 'MESSAGE_TOO_LARGE'],
  ];
  for (const [code, expected] of meanings) {
    const error = kafkaError(coded(code), 'a transaction of join');
    t.equal(error.code, expected, `${code}`);
    t.equal(error.message, `a transaction of join: code ${code}`);
  }
  t.end();
});

t.test('what has our words already keeps them', (t) => {
  const error = new IovError('STOPPED', 'stopped');
  t.equal(kafkaError(error, 'anything'), error);
  t.end();
});
