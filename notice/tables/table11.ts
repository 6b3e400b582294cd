import { row, type Table } from '../table.js';

/**
 * Only fuels that leave no doubt. Hydrogen (10) drives an engine or feeds a fuel cell, a hybrid (11) has both, and a
 * vehicle that burns something may have a motor besides.
 */
const engineFuels = ['1', '2', '4', '5', '6', '7', '8', '11'];
const motorFuels = ['3', '9', '11'];

export const table11: Table = {
  number: 11,
  title: '车辆详细信息数据',
  section: '6.1.2.1',
  fields: [
    row(1, 'MSISDN', '车联网卡 MSISDN', 'string', 'M', '车联网卡号码', {
      personal: 'number',
      checks: [{ name: 'msisdn' }],
    }),
    row(2, 'ICCID', '车联网卡 ICCID', 'string', 'M', '车联网卡ICCID信息', {
      personal: 'number',
      checks: [{ name: 'iccid' }],
    }),
    row(
      3,
      'NameVehicleEnterprise',
      '道路机动车辆生产企业名称',
      'string',
      'M',
      '应与道路机动车辆生产企业及产品公告中的企业名称一致',
    ),
    row(4, 'VIN', '车辆识别代号或车架号', 'string', 'M', '出厂时车辆识别码，即VIN码', {
      personal: 'number',
      checks: [{ name: 'vin', with: 'PlaceOfOriginOfVehicle' }],
    }),
    row(
      5,
      'VehicleType',
      '车辆类型',
      'string',
      'M',
      '与车辆合格证上的车辆类型保持一致，1表示乘用车及客车，2表示货车，3表示半挂车牵引车，4表示半挂车，5表示两轮摩托车和两轮轻便摩托车，6表示三轮摩托车和三轮轻便摩托车，7表示三轮汽车，8表示低速货车，9表示专用汽车，10表示非《公告》车辆产品。',
      {
        values: {
          '1': '乘用车及客车',
          '2': '货车',
          '3': '半挂车牵引车',
          '4': '半挂车',
          '5': '两轮摩托车和两轮轻便摩托车',
          '6': '三轮摩托车和三轮轻便摩托车',
          '7': '三轮汽车',
          '8': '低速货车',
          '9': '专用汽车',
          '10': '非《公告》车辆产品',
        },
      },
    ),
    row(6, 'PlaceOfOriginOfVehicle', '车辆产地', 'string', 'M', '1表示国产，2表示进口', {
      values: { '1': '国产', '2': '进口' },
    }),
    row(7, 'VehicleDepartment', '车辆品牌', 'string', 'M', '与车辆合格证上的车辆品牌保持一致'),
    row(8, 'VehicleName', '车辆名称', 'string', 'M', '与车辆合格证上的车辆名称保持一致'),
    row(9, 'VehicleNum', '车辆型号', 'string', 'M', '与车辆合格证上的车辆型号保持一致'),
    row(10, 'VehicleModel', '车型通用名称', 'string', 'M', '与企业申请产品准入时填报的车型“通用名称”保持一致'),
    row(11, 'BodyColor', '车身颜色', 'string', 'M', '与车辆合格证上的车身颜色保持一致'),
    row(
      12,
      'FuelType',
      '燃料种类',
      'string',
      'M',
      '与车辆合格证上的燃料种类保持一致，1表示汽油，2表示柴油，3表示电，4表示混合油，5表示天然气，6表示液化石油气，7表示甲醇，8表示乙醇，9表示太阳能，10表示氢，11表示混合动力。多个燃料种类时，以逗号隔开。',
      {
        separator: ',',
        values: {
          '1': '汽油',
          '2': '柴油',
          '3': '电',
          '4': '混合油',
          '5': '天然气',
          '6': '液化石油气',
          '7': '甲醇',
          '8': '乙醇',
          '9': '太阳能',
          '10': '氢',
          '11': '混合动力',
        },
      },
    ),
    row(13, 'EngineNum', '发动机号码', 'string', 'C', '车辆中装配发动机时，必填', {
      condition: { field: 'FuelType', in: engineFuels, inferred: true },
      personal: 'number',
    }),
    row(14, 'MotorNum', '电动机序列号', 'string', 'C', '车辆中装配电动机时，必填；多个电动机号码时，以逗号隔开', {
      condition: { field: 'FuelType', in: motorFuels, inferred: true },
      personal: 'number',
    }),
    row(15, 'VehicleDepartureTime', '车辆出厂时间', 'string', 'M', '与车辆合格证上发证日期保持一致'),
    row(16, 'VehicleSalesTime', '车辆销售时间', 'string', 'M', '车辆销售给用户的时间，格式为 YYYYMMDDHHMISS。', {
      format: 'YYYYMMDDHHMISS',
    }),
    row(
      17,
      'VehicleSalesUpdateTime',
      '车辆销售信息变更时间',
      'string',
      'C',
      '车辆销售信息发生变更时必须上报，上报最后一次变更的时间，格式为 YYYYMMDDHHMISS。可获取时必须上报。',
      { condition: 'changed', format: 'YYYYMMDDHHMISS' },
    ),
    row(18, 'LicensePlateNumber', '车牌号码', 'string', 'C', '车辆牌照号码，可获取时必须上报', {
      condition: 'known',
      personal: 'number',
      checks: [{ name: 'plate' }],
    }),
    row(19, 'VehicleChannelName', '车辆销售渠道名称', 'string', 'M', '销售渠道名称，如 XXX4S 店、直营店等'),
    row(
      20,
      'VehicleStaffName',
      '车辆销售渠道员工姓名',
      'string',
      'M',
      '办理本次入网的道路机动车辆生产企业受理人员员工姓名',
      { personal: 'name' },
    ),
    row(21, 'VehicleLogginAddress', '车辆销售渠道地址', 'string', 'M', '需填写车辆销售渠道的详细地址，至少登记到区县', {
      personal: 'address',
    }),
    row(22, 'ExtendPara', '扩展字段', 'object', 'O', '可选字段，可扩展任意若干字段'),
  ],
};
