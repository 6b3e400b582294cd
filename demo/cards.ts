import type { JsonObject } from '../contract/tags.js';
import { timestampOf } from '../notice/cutoff.js';
import { cities, streetAddress } from './cities.js';
import { company } from './companies.js';
import { person } from './people.js';
import { Random, STREAMS, spread } from './random.js';
import { type Maker, makers } from './vehicles.js';

/** What a card is known by; the car maker has it from the operator that it bought the card from. */
export interface CardNumbers {
  MSISDN: string;
  ICCID: string;
  IMSI: string;
}

const SERIALS = 100_000_000;
const SERIAL_STEP = 38_196_601;

/** Numbers of China Mobile's cards; each index below 100 million has others. */
export function cardNumbers(seed: number, index: number): CardNumbers {
  const serial = String((spread(index, SERIAL_STEP, SERIALS) + (seed >>> 0)) % SERIALS).padStart(8, '0');
  const stem = `898600${['21', '31', '22'][index % 3]}24${index % 10}${serial}`;
  return {
    MSISDN: `${['14400', '14410', '14800'][index % 3]}${serial}`,
    ICCID: stem + luhnDigit(stem),
    IMSI: `4600${index % 2 === 0 ? '4' : '8'}11${serial}`,
  };
}

function luhnDigit(stem: string): string {
  let sum = 0;
  for (let at = 0; at < stem.length; at += 1) {
    const digit = Number(stem[stem.length - 1 - at]) * (at % 2 === 0 ? 2 : 1);
    sum += digit > 9 ? digit - 9 : digit;
  }
  return String((10 - (sum % 10)) % 10);
}

const DAY_MS = 86_400_000;
const PLANS =
  '车联网基础套餐 车载娱乐流量包20GB 远程控制服务 车载语音救援套餐 OTA升级定向流量包 车载WiFi月包30GB'.split(' ');

/**
 * The operator's own data of a card: fields of table 12 that the car maker does not bring, in the table's order.
 * @param buyers who may have bought it: `buyersOf` its maker
 */
export function cardFields(
  seed: number,
  index: number,
  maker: Maker,
  buyers: readonly JsonObject[],
  dayMs: number,
): JsonObject {
  const random = new Random(seed, STREAMS.card, index);
  const { IMSI, MSISDN, ICCID } = cardNumbers(seed, index);
  const city = random.chance(0.6) ? maker.home : random.pick(cities);
  const soldMs = dayMs - random.integer(40, 300) * DAY_MS + random.integer(9 * 3600, 17 * 3600) * 1000;
  const activatedMs = soldMs + random.integer(3, 30) * DAY_MS;
  return {
    UserID: `${city.areaCode}${String(index).padStart(10, '0')}`,
    BasicOperator: '2',
    PaymentMethod: random.chance(0.7) ? '2' : '1',
    Province: city.provinceCode,
    City: city.name,
    AreaCode: city.areaCode,
    IMSI,
    MSISDN,
    ICCID,
    IoVCardType: random.pick(['1', '1', '1', '3', '4', '2', '5']),
    CustomerStatus: random.chance(0.95) ? '在用' : random.pick(['用户停机', '欠费停机', '预开通']),
    StatusUpdateTime: timestampOf(activatedMs),
    AcceptTime: timestampOf(soldMs),
    ActivationTime: timestampOf(activatedMs),
    ...(random.chance(0.7) && { FirstCallTime: timestampOf(activatedMs + random.integer(60, 86_400) * 1000) }),
    ...channelFields(random, city.areaCode, streetAddress(random, city, random.pick(city.districts).name)),
    ...functionFields(random, maker, timestampOf(activatedMs).slice(0, 8)),
    ...random.pick(buyers),
    ...(random.chance(0.2) && { ExtendPara: { IMEI: `86${random.digits(13)}` } }),
  };
}

function channelFields(random: Random, areaCode: string, address: string): JsonObject {
  const ownShop = random.chance(0.8);
  return {
    ChannelType: ownShop ? '1' : '2',
    LogginginAddress: address,
    ...(ownShop && {
      NodeCode: `CM${areaCode}${random.digits(4)}`,
      ChannelName: `中国移动${random.pick(SHOPS)}营业厅`,
    }),
    StaffID: `E${random.digits(7)}`,
  };
}

const SHOPS = ['政企客户', '物联网专属', '中心', '科技园', '开发区'];

/** What the card may do: fields 22 to 42. Nearly always to listed numbers and hosts alone (articles 7 and 14). */
function functionFields(random: Random, maker: Maker, startDate: string): JsonObject {
  const voice = random.chance(0.85);
  const message = random.chance(0.7);
  const blackList = random.chance(0.3);
  const bound = random.chance(0.7);
  return {
    ServiceType: Array.from({ length: random.integer(1, 3) }, (_, at) => PLANS[at * 2 + random.integer(0, 1)]!),
    Voice: voice ? '1' : '0',
    Message: message ? '1' : '0',
    Data: '1',
    ...(voice && limited(random, 'Voice', ['861069000001', '861069000002', '8640088800112'])),
    ...(message && limited(random, 'Message', ['8610690000112', '8610690000113'])),
    ...dataFields(random, maker, startDate),
    BlackName: blackList ? '1' : '0',
    ...(blackList && {
      BlackList: Array.from({ length: random.integer(1, 4) }, () => `203.0.113.${random.integer(1, 254)}`),
    }),
    BindState: bound ? '1' : '0',
    ...(bound && { BindType: random.chance(0.8) ? '1' : '2' }),
  };
}

function limited(random: Random, what: 'Voice' | 'Message', allowed: readonly string[]): JsonObject {
  if (random.chance(0.1)) return { [`${what}LimType`]: '1' };
  const list = allowed.slice(0, random.integer(1, allowed.length));
  return { [`${what}LimType`]: '2', [`${what}DirNum`]: String(list.length), [`${what}DirList`]: list };
}

function dataFields(random: Random, maker: Maker, startDate: string): JsonObject {
  const type = random.pick(['2', '4', '4', '5', '5', '3', '1']);
  const hosts = DIRECTED.slice(0, random.integer(1, DIRECTED.length)).map((host) => `${host}.${maker.code}.example`);
  const addresses = Array.from({ length: random.integer(0, 2) }, () => `10.${random.integer(0, 255)}.0.1`);
  const list = [...hosts, ...addresses];
  return {
    DataLimType: type,
    ...('135'.includes(type) && {
      DataStartDate: startDate,
      DataLimit: random.pick(['1024', '5120', '20480', '30720']),
    }),
    ...('245'.includes(type) && {
      DataDirStartDate: startDate,
      DataDirLimit: random.pick(['500', '2048', '10240']),
      DataDirNum: String(list.length),
      DataDirList: list,
    }),
  };
}

const DIRECTED = ['tsp', 'ota', 'rvc'];

/** Who bought the card from the operator, fields 51 to 61: the car maker, and one of the five whom it sent. */
export function buyersOf(seed: number, maker: Maker, dayMs: number): JsonObject[] {
  const number = makers.indexOf(maker);
  // People and companies of the makers come from the end of the numbers, where no customer is.
  const buyer = company(seed, 500_000_000 + number, maker);
  return Array.from({ length: 5 }, (_, at) => {
    const clerk = person(seed, 18_000_000 + number * 5 + at, dayMs);
    return {
      CompanyName: buyer.name,
      CompanyCertType: buyer.certType,
      CompanyCertNumber: buyer.certNumber,
      CompanyCertAddress: buyer.certAddress,
      CompanyPosterAddress: buyer.posterAddress,
      OperatorName: clerk.name,
      OperatorCertType: clerk.certType,
      OperatorCertNumber: clerk.certNumber,
      OperatorCertAddress: clerk.certAddress,
      ...(clerk.posterAddress && { OperatorPosterAddress: clerk.posterAddress }),
      EndOperatorTelephone: clerk.telephone,
    };
  });
}
