import { row, type Table } from '../table.js';

export const table3: Table = {
  number: 3,
  title: '响应消息',
  section: '5.1.2.2',
  fields: [
    row(
      1,
      'RequestID',
      '指令标识',
      'string',
      'M',
      '与采集指令消息中指令标识一致，用于关联采集指令消息和采集响应消息。',
    ),
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
