import type { JsonObject } from '../../contract/tags.js';

// Smallest good records, one a table: every M field, and the C fields that apply. Numbers are made up, their check digits fit.

const person = {
  CustomerType: '1',
  CustomerName: '张三',
  CustomerCertType: '01',
  CustomerCertAddress: '广东省深圳市南山区科技路1号',
  CustomerCertDate: '20300101',
};

/** Table 8: a private buyer, who came himself. */
export function registration(): JsonObject {
  return {
    MSISDN: '1440123456789',
    ICCID: '89860412101880000012',
    VehicleStatus: '4',
    AcceptTime: '20221116103000',
    ...person,
    CustomerCertNumber: '440305198803154211',
  };
}

/** Table 8: a company bought. */
export function companyRegistration(): JsonObject {
  return {
    ...registration(),
    CustomerType: '2',
    CompanyName: '深圳某某运输有限公司',
    CompanyCertType: '21',
    CompanyCertNumber: '91440300708461136T',
    CompanyCertAddress: '广东省深圳市南山区科技路2号',
    CompanyPosterAddress: '广东省深圳市南山区科技路2号',
    CorporationName: '李四',
    CorporationCertType: '01',
    CorporationCertNumber: '310101197508081232',
    CorporationCertAddress: '上海市黄浦区人民路3号',
    CorporationTelephone: '13800138000',
  };
}

/** What table 8 asks for where somebody acts for the buyer. */
export function agent(): JsonObject {
  return {
    OperatorName: '王五',
    OperatorCertType: '01',
    OperatorCertNumber: '11010519491231002X',
    OperatorCertAddress: '北京市朝阳区建国路4号',
    OperatorTelephone: '13900139000',
  };
}

/** Table 11: a car that burns petrol. */
export function vehicle(): JsonObject {
  return {
    MSISDN: '1440123456789',
    ICCID: '89860412101880000012',
    NameVehicleEnterprise: '某某汽车有限公司',
    VIN: 'LSVAA49J832000001',
    VehicleType: '1',
    PlaceOfOriginOfVehicle: '1',
    VehicleDepartment: '某某牌',
    VehicleName: '轿车',
    VehicleNum: 'SVW7167',
    VehicleModel: '某某',
    BodyColor: '白',
    FuelType: '1',
    EngineNum: 'CST123456',
    VehicleDepartureTime: '20221001',
    VehicleSalesTime: '20221116100000',
    VehicleChannelName: '某某4S店',
    VehicleStaffName: '赵六',
    VehicleLogginAddress: '广东省深圳市南山区',
  };
}

/** The operator's own data of the card: a part of table 12. */
export function card(): JsonObject {
  return {
    UserID: 'U0000000001',
    BasicOperator: '2',
    PaymentMethod: '2',
    Province: '44',
    City: '深圳市',
    AreaCode: '0755',
    IMSI: '460040123456789',
    MSISDN: '1440123456789',
    ICCID: '89860412101880000012',
    IoVCardType: '1',
    CustomerStatus: '在用',
    AcceptTime: '20221101090000',
    ChannelType: '2',
    LogginginAddress: '广东省深圳市福田区',
    StaffID: 'S0001',
    ServiceType: ['车联网套餐'],
    Voice: '1',
    Message: '0',
    Data: '1',
    VoiceLimType: '2',
    VoiceDirNum: '2',
    VoiceDirList: ['8612345678912', '8698765432112'],
    DataLimType: '2',
    DataDirStartDate: '20221101',
    DataDirLimit: '1024',
    DataDirNum: '1',
    DataDirList: ['10.2.0.1'],
    BlackName: '0',
    BindState: '1',
    BindType: '1',
  };
}

/** Table 12: that card, with that buyer. */
export function cardRecord(): JsonObject {
  return { OperType: '1', ...card(), ...person, CustomerCertNmuber: '440305198803154211', VehicleStatus: '4' };
}

const auth = { PlatformID: 'oem-1', SignNature: 'a'.repeat(64) };

/** One good record of every table that has fields, by number. */
export const goodRecords: Readonly<Record<number, () => JsonObject>> = {
  1: () => ({ Auth: auth, RequestID: 'R1', Code: 'LSV1', ICCID: '89860412101880000012' }),
  2: () => auth,
  3: () => ({ RequestID: 'R1', OprRst: '1' }),
  5: () => ({ Auth: auth, RequestID: 'R1', OperatorID: '0002', ICCID: '89860412101880000012' }),
  6: () => auth,
  7: () => ({ OperType: '1', Auth: auth, RequestID: 'R1', Code: 'LSV1', EncryptUserInfo: 'q83v' }),
  8: registration,
  9: () => ({ RequestID: 'R1', OprRst: '2', FailureCause: '400' }),
  10: () => ({ Auth: auth, RequestID: 'R1', Code: 'LSV1', EncryptCarInfo: { data: 'q83v' } }),
  11: vehicle,
  12: cardRecord,
};
