import { row, type Table } from '../table.js';

export const table9: Table = {
  number: 9,
  title: '开户信息文本上报响应消息',
  section: '6.1.1.2',
  fields: [
    row(1, 'RequestID', '请求标识', 'string', 'M', '与请求消息中请求标识一致，用于关联请求消息和响应消息。'),
    row(2, 'OprRst', '操作结果', 'string', 'M', '1表示成功、2表示不成功', { values: { '1': '成功', '2': '不成功' } }),
    row(
      3,
      'FailureCause',
      '失败原因',
      'string',
      'C',
      '操作结果为2时有效，具体内容参照表4，如表内无相关编码，可直接用文字自行定义具体原因。',
      { condition: { field: 'OprRst', in: ['2'] } },
    ),
  ],
};
