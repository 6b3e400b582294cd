import { row, type Table } from '../table.js';

export const table2: Table = {
  number: 2,
  title: '认证信息',
  section: '5.1.2.1',
  fields: [
    row(
      1,
      'PlatformID',
      '平台标识',
      'string',
      'M',
      '用于区分与电信企业实名登记管理平台对接的各系统平台的标识，由电信企业实名登记管理平台分配',
    ),
    row(2, 'SignNature', '签名值', 'string', 'M', '平台标识+密码的SM3值，密码由电信企业实名登记管理平台分配'),
  ],
};
