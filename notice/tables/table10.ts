import { row, type Table } from '../table.js';
import { table2 } from './table2.js';

/** Without Auth it is also a record of the CL files (6.2.2.2 b). */
export const table10: Table = {
  number: 10,
  title: '车辆信息数据',
  section: '6.1.2.1',
  fields: [
    row(1, 'Auth', '认证信息', 'object', 'M', '内容参见表2', { inside: table2 }),
    row(2, 'RequestID', '请求标识', 'string', 'M', '唯一标识'),
    row(3, 'Code', '道路机动车辆生产企业编码', 'string', 'M', '编码见A.6', { codeTable: 'A.6' }),
    row(
      4,
      'EncryptCarInfo',
      '车辆加密信息',
      'object',
      'M',
      '填写加密后的车辆详细信息，加密方式另行规定，加密前内容见表11',
      { alsoType: 'string', lengthMax: 1_000_000 },
    ),
  ],
};
