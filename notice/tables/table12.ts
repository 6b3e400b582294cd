import { type Condition, row, type Table } from '../table.js';
import { certificateChecks } from './certificate.js';

const onOff = { '0': '关', '1': '开' };
const noYes = { '0': '否', '1': '是' };

/** 渠道类型为 1 时. */
const ownShop: Condition = { field: 'ChannelType', in: ['1'] };
/** Data that may go anywhere, and data that may go to a list of addresses alone; type 5 is both. */
const undirected: Condition = { field: 'DataLimType', in: ['1', '3', '5'] };
const directed: Condition = { field: 'DataLimType', in: ['2', '4', '5'] };
/** 单位用户购车时. */
const toCompany: Condition = { field: 'CustomerType', in: ['2'] };

/** 个人用户委托代办时: the notice has no field that says so, but whoever names an agent must name him fully. */
const agentFields = [
  'IndividualUserOperatorName',
  'IndividualUserOperatorCertType',
  'IndividualUserOperatorCertNum',
  'IndividualUserOperatorCertAddress',
  'IndividualUserOperatorPosterAddress',
  'IndividualUserOperatorTelephone',
];
const byAgent: Condition = { anyOf: agentFields };

/** The record of the KH files: fields in this order (6.2.1.2 b). */
export const table12: Table = {
  number: 12,
  title: '开户信息数据',
  section: '6.2.1.3',
  fields: [
    row(1, 'OperType', '数据操作类型', 'string', 'M', '具体定义见附录A.2。', { codeTable: 'A.2' }),
    row(2, 'UserID', '用户编号', 'string', 'M', '该运营商内部唯一识别一个用户的标识。', { personal: 'number' }),
    row(3, 'BasicOperator', '归属运营商', 'string', 'M', '1表示中国电信，2表示中国移动，3表示中国联通。', {
      values: { '1': '中国电信', '2': '中国移动', '3': '中国联通' },
    }),
    row(4, 'PaymentMethod', '付费方式', 'string', 'M', '预付费还是后付费，1 表示预付费，2 表示后付费。', {
      values: { '1': '预付费', '2': '后付费' },
    }),
    row(5, 'Province', '归属省份', 'string', 'M', '归属省份，省份编码见附录A.3', { codeTable: 'A.3' }),
    row(6, 'City', '归属地市', 'string', 'M', '归属地市，地市名称见附录 A.4 中“归属市名称”。', {
      codeTable: 'A.4',
      column: 'meaning',
    }),
    row(7, 'AreaCode', '归属区号', 'string', 'M', '归属区号，区号编码见附录 A.4', { codeTable: 'A.4' }),
    row(8, 'IMSI', '车联网卡 IMSI', 'string', 'M', '车联网卡 IMSI 信息', {
      personal: 'number',
      checks: [{ name: 'imsi' }, { name: 'imsiOperator', with: 'BasicOperator' }],
    }),
    row(9, 'MSISDN', '车联网卡 MSISDN', 'string', 'M', '车联网卡号码', {
      personal: 'number',
      checks: [{ name: 'msisdn', with: 'BasicOperator' }],
    }),
    row(10, 'ICCID', '车联网卡 ICCID', 'string', 'M', '车联网卡 ICCID 信息', {
      personal: 'number',
      checks: [{ name: 'iccid' }, { name: 'iccidOperator', with: 'BasicOperator' }],
    }),
    row(
      11,
      'IoVCardType',
      '车联网卡片类型',
      'string',
      'M',
      '1表示贴片卡，2 表示机卡互锁卡，3 表示 eSIM 卡，4 表示普通插拔卡，5 表示异形卡',
      { values: { '1': '贴片卡', '2': '机卡互锁卡', '3': 'eSIM 卡', '4': '普通插拔卡', '5': '异形卡' } },
    ),
    row(
      12,
      'CustomerStatus',
      '用户状态',
      'string',
      'M',
      '以企业定义为准，包含但不限于在用、欠费停机、用户停机、实名制停机、挂失、黑名单、预拆、预销、挂失、未激活、预开通。',
    ),
    row(
      13,
      'StatusUpdateTime',
      '状态变更时间',
      'string',
      'C',
      '用户状态变更时必须上报，上报最后一次变更的时间，格式为 YYYYMMDDHHMISS。',
      { condition: 'changed', format: 'YYYYMMDDHHMISS' },
    ),
    row(
      14,
      'AcceptTime',
      '受理时间',
      'string',
      'M',
      '时间格式：YYYYMMDDHHMISS。受理用户业务的时间，以最后一次受理业务的时间为准。例如：用户开户后，又办理过换卡等操作，该时间为换卡时的时间 受理业务主要包括：开户、销户、过户、换卡等。',
      { format: 'YYYYMMDDHHMISS' },
    ),
    row(15, 'ActivationTime', '激活时间', 'string', 'C', '办理开通时间，时间格式：YYYYMMDDHHMISS。', {
      condition: 'known',
      format: 'YYYYMMDDHHMISS',
    }),
    row(16, 'FirstCallTime', '首次使用时间', 'string', 'C', '时间格式：YYYYMMDDHHMISS。 能够获取时上报', {
      condition: 'known',
      format: 'YYYYMMDDHHMISS',
    }),
    row(17, 'ChannelType', '渠道类型', 'string', 'M', '1表示自有实体渠道，2 表示自有人员上门', {
      values: { '1': '自有实体渠道', '2': '自有人员上门' },
    }),
    row(18, 'LogginginAddress', '入网登记地点', 'string', 'M', '需填写入网登记地点的详细地址，至少登记到区县', {
      personal: 'address',
    }),
    row(19, 'NodeCode', '网点编号', 'string', 'C', '渠道类型为 1 时有效，电信企业自行定义', { condition: ownShop }),
    row(20, 'ChannelName', '网点名', 'string', 'C', '渠道类型为1时有效，网点名称，如XXX营业厅', { condition: ownShop }),
    row(21, 'StaffID', '员工编号', 'string', 'M', '办理车联网用户本次入网的员工编号', { personal: 'number' }),
    row(22, 'ServiceType', '业务种类', 'array', 'M', '用户套餐，填写套餐名称', { items: 'string' }),
    row(23, 'Voice', '语音开通情况', 'string', 'M', '是否开通，0表示关，1表示开', { values: onOff }),
    row(24, 'Message', '短信开通情况', 'string', 'M', '是否开通，0表示关，1表示开', { values: onOff }),
    row(25, 'Data', '流量开通情况', 'string', 'M', '是否开通，0表示关，1表示开', { values: onOff }),
    row(26, 'VoiceLimType', '语音限制类型', 'string', 'C', '语音开通情况为1时有效。1表示无限制，2表示有定向限制', {
      condition: { field: 'Voice', in: ['1'] },
      values: { '1': '无限制', '2': '有定向限制' },
    }),
    row(27, 'VoiceDirNum', '语音定向数量', 'string', 'C', '语音限制类型为2时有效。填写语音白名单号码的个数', {
      condition: { field: 'VoiceLimType', in: ['2'] },
      checks: [{ name: 'listLength', with: 'VoiceDirList' }],
    }),
    row(
      28,
      'VoiceDirList',
      '语音白名单号码列表',
      'array',
      'C',
      '语音限制类型为2时有效。详细列出定向语音限制的白名单号码，单个号码取值为字符串；例如：["8612345678912","8698765432112"]',
      { condition: { field: 'VoiceLimType', in: ['2'] }, items: 'string', personal: 'number' },
    ),
    row(29, 'MessageLimType', '短信限制类型', 'string', 'C', '短信开通情况为1时有效。1表示无限制，2有定向限制', {
      condition: { field: 'Message', in: ['1'] },
      values: { '1': '无限制', '2': '有定向限制' },
    }),
    row(30, 'MessageDirNum', '短信定向数量', 'string', 'C', '短信限制类型为2时有效。填写短信白名单号码的个数', {
      condition: { field: 'MessageLimType', in: ['2'] },
      checks: [{ name: 'listLength', with: 'MessageDirList' }],
    }),
    row(
      31,
      'MessageDirList',
      '短信白名单号码列表',
      'array',
      'C',
      '短信限制类型为2时有效。详细列出定向短信白名单号码，单个号码取值为字符串。例如：["8612345678912","8698765432112"]',
      { condition: { field: 'MessageLimType', in: ['2'] }, items: 'string', personal: 'number' },
    ),
    row(
      32,
      'DataLimType',
      '流量限制类型',
      'string',
      'C',
      '流量开通情况为1时有效。1表示非定向大流量，2表示定向大流量，3表示有非定向小流量，4表示定向小流量，5表示既有非定向流量，又有定向流量',
      {
        condition: { field: 'Data', in: ['1'] },
        values: {
          '1': '非定向大流量',
          '2': '定向大流量',
          '3': '有非定向小流量',
          '4': '定向小流量',
          '5': '既有非定向流量，又有定向流量',
        },
      },
    ),
    row(
      33,
      'DataStartDate',
      '非定向流量起始时间',
      'string',
      'C',
      '流量限制类型为1,3和5时有效。填写流量套餐起始时间，时间格式：YYYYMMDD',
      { condition: undirected, format: 'YYYYMMDD' },
    ),
    row(
      34,
      'DataLimit',
      '非定向流量限制额度',
      'string',
      'C',
      '非定向流量限制类型,1,3和5时有效。填写流量限制额度总量，单位为兆',
      { condition: undirected },
    ),
    row(
      35,
      'DataDirStartDate',
      '定向流量起始时间',
      'string',
      'C',
      '流量限制类型,2,4或5时有效。填写流量套餐起始时间，时间格式：YYYYMMDD',
      { condition: directed, format: 'YYYYMMDD' },
    ),
    row(
      36,
      'DataDirLimit',
      '定向流量限制额度',
      'string',
      'C',
      '定向流量限制类型,2,4或5时有效。填写流量限制额度总量，单位为兆',
      { condition: directed },
    ),
    row(
      37,
      'DataDirNum',
      '流量定向数量',
      'string',
      'C',
      '流量定向情况为2,4和5时有效。填写流量定向访问IP地址/域名白名单号码的个数',
      { condition: directed, checks: [{ name: 'listLength', with: 'DataDirList' }] },
    ),
    row(
      38,
      'DataDirList',
      '流量定向访问列表',
      'array',
      'C',
      '流量定向情况为 2、4 和 5 时有效。详细列出定向访问的 IP 地址或域名名称，单个取值为字符串。如果定向标识为 IP 地址，则采用使用点分十进制表示法，例如 ["10.2.0.1", "10.2.0.2"]',
      { condition: directed, items: 'string' },
    ),
    row(39, 'BlackName', '流量黑名单限制情况', 'string', 'M', '是否采用黑名单限制，0 表示否，1 表示是', {
      values: noYes,
    }),
    row(
      40,
      'BlackList',
      '黑名单限制访问列表',
      'array',
      'C',
      '流量黑名单限制为 1 时有效。详细列出定向访问的 IP 地址或域名名称，单个取值为字符串。如果定向标识为 IP 地址，则采用使用点分十进制表示法，例如 ["10.2.0.1", "10.2.0.2"]',
      { condition: { field: 'BlackName', in: ['1'] }, items: 'string' },
    ),
    row(41, 'BindState', '机卡绑定情况', 'string', 'M', '是否采用机卡绑定，0 表示否，1 表示是', { values: noYes }),
    row(
      42,
      'BindType',
      '机卡绑定类型',
      'string',
      'C',
      '机卡绑定为 1 时有效。1 表示与终端 IMEI 一一绑定，2 表示与终端 IMEI 池绑定',
      {
        condition: { field: 'BindState', in: ['1'] },
        values: { '1': '与终端 IMEI 一一绑定', '2': '与终端 IMEI 池绑定' },
      },
    ),
    row(
      43,
      'VehicleStatus',
      '车辆状态',
      'string',
      'M',
      '1 表示生产期，2 表示测试期，3 表示待售，4 表示已售 5 表示过户 6 表示报废',
      { values: { '1': '生产期', '2': '测试期', '3': '待售', '4': '已售', '5': '过户', '6': '报废' } },
    ),
    row(44, 'CustomerType', '用户类型', 'string', 'M', '1 表示个人用户 2 表示单位用户', {
      values: { '1': '个人用户', '2': '单位用户' },
    }),
    row(45, 'CustomerName', '用户姓名', 'string', 'M', '', { personal: 'name' }),
    row(46, 'CustomerCertType', '用户证件类型', 'string', 'M', '证件类型见 A.5。', { codeTable: 'A.5' }),
    row(47, 'CustomerCertNmuber', '用户证件号码', 'string', 'M', '', {
      personal: 'number',
      checks: certificateChecks('CustomerCertType'),
    }),
    row(48, 'CustomerCertAddress', '用户证件地址', 'string', 'M', '', { personal: 'address' }),
    row(49, 'CustomerCertDate', '用户证件有效期', 'string', 'M', ''),
    row(50, 'CustomerPosterAddress', '用户通讯地址', 'string', 'C', '获取到时必须上报。', {
      condition: 'known',
      personal: 'address',
    }),
    row(51, 'CompanyName', '购卡企业名称', 'string', 'C', '从电信企业购卡的单位信息。', {
      condition: 'known',
      personal: 'name',
    }),
    row(52, 'CompanyCertType', '购卡企业单位证件类型', 'string', 'C', '证件类型编码，见 A.5。', {
      condition: 'known',
      codeTable: 'A.5',
    }),
    row(53, 'CompanyCertNumber', '购卡企业单位证件号码', 'string', 'C', '', {
      condition: 'known',
      personal: 'number',
      checks: certificateChecks('CompanyCertType'),
    }),
    row(54, 'CompanyCertAddress', '购卡企业单位证件地址', 'string', 'C', '', {
      condition: 'known',
      personal: 'address',
    }),
    row(55, 'CompanyPosterAddress', '购卡企业单位通讯地址', 'string', 'C', '', {
      condition: 'known',
      personal: 'address',
    }),
    row(56, 'OperatorName', '购卡企业经办人姓名', 'string', 'C', '从电信企业购卡的经办人信息。', {
      condition: 'known',
      personal: 'name',
    }),
    row(57, 'OperatorCertType', '购卡企业经办人证件类型', 'string', 'C', '证件类型编码见 A.5', {
      condition: 'known',
      codeTable: 'A.5',
    }),
    row(58, 'OperatorCertNumber', '购卡企业经办人证件号码', 'string', 'C', '', {
      condition: 'known',
      personal: 'number',
      checks: certificateChecks('OperatorCertType'),
    }),
    row(59, 'OperatorCertAddress', '购卡企业经办人证件地址', 'string', 'C', '', {
      condition: 'known',
      personal: 'address',
    }),
    row(60, 'OperatorPosterAddress', '购卡企业经办人通讯地址', 'string', 'C', '', {
      condition: 'known',
      personal: 'address',
    }),
    row(61, 'EndOperatorTelephone', '购卡企业经办人电话', 'string', 'C', '', {
      condition: 'known',
      personal: 'number',
    }),
    row(62, 'EndCompanyCompanyName', '最终用户单位名称', 'string', 'C', '单位用户购车时必填。', {
      condition: toCompany,
      personal: 'name',
    }),
    row(63, 'EndCompanyCertType', '最终用户单位证件类型', 'string', 'C', '证件类型编码，见 A.5。单位用户购车时必填。', {
      condition: toCompany,
      codeTable: 'A.5',
    }),
    row(64, 'EndCompanyCertNumber', '最终用户单位证件号码', 'string', 'C', '单位用户购车时必填。', {
      condition: toCompany,
      personal: 'number',
      checks: certificateChecks('EndCompanyCertType'),
    }),
    row(65, 'EndCompanyCertAddress', '最终用户单位证件地址', 'string', 'C', '单位用户购车时必填。', {
      condition: toCompany,
      personal: 'address',
    }),
    row(66, 'EndCompanyPosterAddress', '最终用户单位通讯地址', 'string', 'C', '单位用户购车时必填。', {
      condition: toCompany,
      personal: 'address',
    }),
    row(67, 'EndCorporationName', '最终用户责任人姓名', 'string', 'C', '单位用户购车时必填。', {
      condition: toCompany,
      personal: 'name',
    }),
    row(
      68,
      'EndCorporationCertType',
      '最终用户责任人证件类型',
      'string',
      'C',
      '证件类型编码见 A.5。单位用户购车时必填。',
      { condition: toCompany, codeTable: 'A.5' },
    ),
    row(69, 'EndCorporationCertNumber', '最终用户责任人证件号码', 'string', 'C', '单位用户购车时必填。', {
      condition: toCompany,
      personal: 'number',
      checks: certificateChecks('EndCorporationCertType'),
    }),
    row(70, 'EndCorporationCertAddress', '最终用户责任人证件地址', 'string', 'C', '单位用户购车时必填。', {
      condition: toCompany,
      personal: 'address',
    }),
    row(
      71,
      'EndCorporationPosterAddress',
      '最终用户责任人通讯地址',
      'string',
      'C',
      '单位用户购车情况下，获取到时必填。',
      { condition: { field: 'CustomerType', in: ['2'], known: true }, personal: 'address' },
    ),
    row(72, 'EndCorporationTelephone', '最终用户责任人电话', 'string', 'C', '单位用户购车时必填。', {
      condition: toCompany,
      personal: 'number',
    }),
    row(73, 'IndividualUserOperatorName', '代/经办人姓名', 'string', 'C', '个人用户委托代办时必填', {
      condition: byAgent,
      personal: 'name',
    }),
    row(
      74,
      'IndividualUserOperatorCertType',
      '代/经办人证件类型',
      'string',
      'C',
      '证件类型编码见 A.5。个人用户委托代办时必填',
      { condition: byAgent, codeTable: 'A.5' },
    ),
    row(75, 'IndividualUserOperatorCertNum', '代/经办人证件号码', 'string', 'C', '个人用户委托代办时必填', {
      condition: byAgent,
      personal: 'number',
      checks: certificateChecks('IndividualUserOperatorCertType'),
    }),
    row(76, 'IndividualUserOperatorCertAddress', '代/经办人证件地址', 'string', 'C', '个人用户委托代办时必填', {
      condition: byAgent,
      personal: 'address',
    }),
    row(
      77,
      'IndividualUserOperatorPosterAddress',
      '代/经办人通讯地址',
      'string',
      'C',
      '个人用户委托代办情况下，获取到时必填',
      { condition: { anyOf: agentFields, known: true }, personal: 'address' },
    ),
    row(78, 'IndividualUserOperatorTelephone', '代/经办人电话', 'string', 'C', '个人用户委托代办时必填', {
      condition: byAgent,
      personal: 'number',
    }),
    row(79, 'ExtendPara', '扩展字段', 'object', 'O', '可选字段，可扩展任意若干字段'),
  ],
};
