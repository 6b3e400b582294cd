import { row, type Table } from '../table.js';
import { table6 } from './table6.js';

export const table5: Table = {
  number: 5,
  title: '采集指令消息',
  section: '5.2.2.1',
  fields: [
    row(1, 'Auth', '认证信息', 'object', 'M', '内容参见表6', { inside: table6 }),
    row(2, 'RequestID', '指令标识', 'string', 'M', '由工业和信息化部车联网卡安全监管平台产生，唯一标识一次指令'),
    row(3, 'OperatorID', '运营商标识', 'string', 'M', '定义见附录A.1，若值为9999表示全部电信企业', {
      codeTable: 'A.1',
    }),
    row(4, 'ICCID', '车联网卡ICCID', 'string', 'M', '需采集的车联网卡ICCID信息', {
      personal: 'number',
      lengthMax: 4_000, // several cards may be named
      checks: [{ name: 'iccid' }],
    }),
  ],
};
