import { row, type Table } from '../table.js';
import { table2 } from './table2.js';

export const table1: Table = {
  number: 1,
  title: '采集指令消息',
  section: '5.1.2.1',
  fields: [
    row(1, 'Auth', '认证信息', 'object', 'M', '内容参见表2', { inside: table2 }),
    row(2, 'RequestID', '指令标识', 'string', 'M', '由工业和信息化部车联网卡安全监管平台产生，唯一标识一次指令'),
    row(3, 'Code', '道路机动车辆生产企业编码', 'string', 'M', '参照车辆合格证有关编码规则'),
    row(4, 'ICCID', '车联网卡 ICCID', 'string', 'M', '需采集的车联网卡ICCID信息', {
      personal: 'number',
      lengthMax: 4_000, // several cards may be named
      checks: [{ name: 'iccid' }],
    }),
  ],
};
