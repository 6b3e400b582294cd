import { type Condition, row, type Table } from '../table.js';
import { certificateChecks } from './certificate.js';

/** 销售给单位用户时. */
const toCompany: Condition = { field: 'CustomerType', in: ['2'] };

/** 个人委托代办时: the notice has no field that says so, but whoever names an agent must name him fully. */
const agentFields = [
  'OperatorName',
  'OperatorCertType',
  'OperatorCertNumber',
  'OperatorCertAddress',
  'OperatorPosterAddress',
  'OperatorTelephone',
];
const byAgent: Condition = { anyOf: agentFields };

export const table8: Table = {
  number: 8,
  title: '开户详细信息数据',
  section: '6.1.1.1',
  fields: [
    row(1, 'MSISDN', '车联网卡 MSISDN', 'string', 'M', '车联网卡号码', {
      personal: 'number',
      checks: [{ name: 'msisdn' }],
    }),
    row(2, 'ICCID', '车联网卡 ICCID', 'string', 'M', '车联网卡 ICCID 信息', {
      personal: 'number',
      checks: [{ name: 'iccid' }],
    }),
    row(
      3,
      'VehicleStatus',
      '车辆状态',
      'string',
      'M',
      '1 表示生产期，2 表示测试期，3 表示待售，4 表示已售 5 表示过户 6 表示报废',
      { values: { '1': '生产期', '2': '测试期', '3': '待售', '4': '已售', '5': '过户', '6': '报废' } },
    ),
    row(
      4,
      'StatusUpdateTime',
      '状态变更时间',
      'string',
      'C',
      '车辆状态变更时必须上报，上报最后一次变更的时间，格式为 YYYYMMDDHHMISS。',
      { condition: 'changed', format: 'YYYYMMDDHHMISS' },
    ),
    row(
      5,
      'AcceptTime',
      '受理时间',
      'string',
      'M',
      '时间格式：YYYYMMDDHHMISS。受理用户业务的时间，以最后一次受理业务的时间为准。例如：用户登记后，又办理过户等操作，该时间为过户时间 受理业务主要包括：过户、报废等。',
      { format: 'YYYYMMDDHHMISS' },
    ),
    row(6, 'CustomerType', '用户类型', 'string', 'M', '1 表示个人用户 2 表示单位用户', {
      values: { '1': '个人用户', '2': '单位用户' },
    }),
    row(7, 'CustomerName', '用户姓名', 'string', 'M', '', { personal: 'name' }),
    row(8, 'CustomerCertType', '用户证件类型', 'string', 'M', '证件类型见 A.5。', { codeTable: 'A.5' }),
    row(9, 'CustomerCertNumber', '用户证件号码', 'string', 'M', '', {
      personal: 'number',
      checks: certificateChecks('CustomerCertType'),
    }),
    row(10, 'CustomerCertAddress', '用户证件地址', 'string', 'M', '', { personal: 'address' }),
    row(11, 'CustomerCertDate', '用户证件有效期', 'string', 'M', ''),
    row(12, 'CustomerPosterAddress', '用户通讯地址', 'string', 'C', '获取到时必须上报。', {
      condition: 'known',
      personal: 'address',
    }),
    row(13, 'CompanyName', '单位名称', 'string', 'C', '销售给单位用户时必填。', {
      condition: toCompany,
      personal: 'name',
    }),
    row(14, 'CompanyCertType', '单位证件类型', 'string', 'C', '证件类型编码，见 A.5。销售给单位用户时必填。', {
      condition: toCompany,
      codeTable: 'A.5',
    }),
    row(15, 'CompanyCertNumber', '单位证件号码', 'string', 'C', '销售给单位用户时必填。', {
      condition: toCompany,
      personal: 'number',
      checks: certificateChecks('CompanyCertType'),
    }),
    row(16, 'CompanyCertAddress', '单位证件地址', 'string', 'C', '销售给单位用户时必填。', {
      condition: toCompany,
      personal: 'address',
    }),
    row(17, 'CompanyPosterAddress', '单位通讯地址', 'string', 'C', '销售给单位用户时必填。', {
      condition: toCompany,
      personal: 'address',
    }),
    row(18, 'CorporationName', '责任人姓名', 'string', 'C', '销售给单位用户时必填。', {
      condition: toCompany,
      personal: 'name',
    }),
    row(19, 'CorporationCertType', '责任人证件类型', 'string', 'C', '证件类型编码见 A.5。销售给单位用户时必填。', {
      condition: toCompany,
      codeTable: 'A.5',
    }),
    row(20, 'CorporationCertNumber', '责任人证件号码', 'string', 'C', '销售给单位用户时必填。', {
      condition: toCompany,
      personal: 'number',
      checks: certificateChecks('CorporationCertType'),
    }),
    row(21, 'CorporationCertAddress', '责任人证件地址', 'string', 'C', '销售给单位用户时必填。', {
      condition: toCompany,
      personal: 'address',
    }),
    row(22, 'CorporationPosterAddress', '责任人通讯地址', 'string', 'C', '销售给单位用户情况下，企业获取到时必填。', {
      condition: { field: 'CustomerType', in: ['2'], known: true },
      personal: 'address',
    }),
    row(23, 'CorporationTelephone', '责任人电话', 'string', 'C', '销售给单位用户时必填。', {
      condition: toCompany,
      personal: 'number',
    }),
    row(24, 'OperatorName', '代/经办人姓名', 'string', 'C', '个人委托代办时必填。', {
      condition: byAgent,
      personal: 'name',
    }),
    row(25, 'OperatorCertType', '代/经办人证件类型', 'string', 'C', '证件类型编码见 A.5。个人委托代办时必填。', {
      condition: byAgent,
      codeTable: 'A.5',
    }),
    row(26, 'OperatorCertNumber', '代/经办人证件号码', 'string', 'C', '个人委托代办时必填。', {
      condition: byAgent,
      personal: 'number',
      checks: certificateChecks('OperatorCertType'),
    }),
    row(27, 'OperatorCertAddress', '代/经办人证件地址', 'string', 'C', '个人委托代办时必填。', {
      condition: byAgent,
      personal: 'address',
    }),
    row(28, 'OperatorPosterAddress', '代/经办人通讯地址', 'string', 'C', '个人委托代办情况下，企业获取到时必填。', {
      condition: { anyOf: agentFields, known: true },
      personal: 'address',
    }),
    row(29, 'OperatorTelephone', '代/经办人电话', 'string', 'C', '个人委托代办时必填。', {
      condition: byAgent,
      personal: 'number',
    }),
    row(30, 'PhoName', '照片文件名', 'string', 'C', '填写用户对应照片的压缩包名，命名规则 ICCID+xcz.zip', {
      condition: 'known',
      personal: 'number',
    }),
    row(31, 'ExtendPara', '扩展字段', 'object', 'O', '可选字段，可扩展任意若干字段'),
  ],
};
