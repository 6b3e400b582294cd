import { row, type Table } from '../table.js';
import { table2 } from './table2.js';

export const table7: Table = {
  number: 7,
  title: '开户信息文本数据',
  section: '6.1.1.1',
  fields: [
    row(1, 'OperType', '数据操作类型', 'string', 'M', '具体定义见附录 A.2。', { codeTable: 'A.2' }),
    row(2, 'Auth', '认证信息', 'object', 'M', '内容参见表 2', { inside: table2 }),
    row(3, 'RequestID', '请求标识', 'string', 'M', '唯一标识'),
    row(4, 'Code', '道路机动车辆生产企业编码', 'string', 'M', '编码见 A.6', { codeTable: 'A.6' }),
    row(
      5,
      'EncryptUserInfo',
      '开户加密信息',
      'string',
      'M',
      '填写加密后的开户详细信息，加密方式另行规定，加密前内容见表 8',
      { alsoType: 'object', lengthMax: 1_000_000 },
    ),
  ],
};
