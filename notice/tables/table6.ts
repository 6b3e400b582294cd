import { row, type Table } from '../table.js';

export const table6: Table = {
  number: 6,
  title: '认证信息',
  section: '5.2.2.1',
  fields: [
    row(
      1,
      'PlatformID',
      '平台标识',
      'string',
      'M',
      '用于区分与工业和信息化部车联网卡安全监管平台对接的各系统平台的标识，由工业和信息化部车联网卡安全监管平台分配',
    ),
    row(2, 'SignNature', '签名值', 'string', 'M', '平台标识+密码的SM3值，密码由工业和信息化部车联网卡安全监管平台分配'),
  ],
};
