import { type City, cities } from './cities.js';
import { type Random, spread } from './random.js';

interface Model {
  /** 车辆名称, 车辆型号, 车型通用名称. */
  name: string;
  number: string;
  generalName: string;
  /** Fuels of table 11, with commas between. */
  fuel: string;
  engine?: string;
  motor?: string;
  /** Characters 4 to 8 of the VIN. */
  descriptor: string;
}

export interface Maker {
  /** A.6, as the placeholder table has it. */
  code: string;
  name: string;
  brand: string;
  home: City;
  imported: boolean;
  models: readonly Model[];
}

const cityOf = (name: string) => cities.find((city) => city.name === name)!;

/** Three car makers that do not exist. */
export const makers: readonly Maker[] = [
  {
    code: 'WBA0',
    name: '示例汽车制造有限公司甲',
    brand: '星野牌',
    home: cityOf('沈阳市'),
    imported: true,
    models: [
      { name: '轿车', number: 'XY7201GL', generalName: '星野 3', fuel: '1', engine: 'B48B20', descriptor: '5R110' },
      {
        name: '多用途乘用车',
        number: 'XY6521BX',
        generalName: '星野 X5',
        fuel: '1',
        engine: 'B58B30',
        descriptor: 'TA610',
      },
      {
        name: '纯电动轿车',
        number: 'XY7003BEV',
        generalName: '星野 i4',
        fuel: '3',
        motor: 'HA0001N0',
        descriptor: '73AW2',
      },
    ],
  },
  {
    code: 'LSV1',
    name: '示例汽车制造有限公司乙',
    brand: '云驰牌',
    home: cityOf('上海市'),
    imported: false,
    models: [
      { name: '轿车', number: 'YC7151AT', generalName: '云驰 L5', fuel: '1', engine: 'EA211', descriptor: 'CC6C0' },
      {
        name: '纯电动多用途乘用车',
        number: 'YC6463BEV',
        generalName: '云驰 E6',
        fuel: '3',
        motor: 'TZ210X',
        descriptor: 'UB60E',
      },
      {
        name: '插电式混合动力轿车',
        number: 'YC7142PHEV',
        generalName: '云驰 L7 混动',
        fuel: '11',
        engine: 'EA888',
        motor: 'TZ180H',
        descriptor: 'CZ2A5',
      },
    ],
  },
  {
    code: 'LFV2',
    name: '示例汽车制造有限公司丙',
    brand: '蓝岳牌',
    home: cityOf('长春市'),
    imported: false,
    models: [
      { name: '轿车', number: 'LY7144BF', generalName: '蓝岳 A4', fuel: '1', engine: 'CSS', descriptor: 'A24G8' },
      {
        name: '轻型厢式货车',
        number: 'LY5041XXY',
        generalName: '蓝岳 T3',
        fuel: '2',
        engine: 'D20TCI',
        descriptor: 'B11T5',
      },
      {
        name: '插电式混合动力多用途乘用车',
        number: 'LY6480PHEV',
        generalName: '蓝岳 X7',
        fuel: '1,3',
        engine: 'DTA',
        motor: 'TZ220XS',
        descriptor: 'C3E7K',
      },
    ],
  },
];

const COLORS = ['白', '黑', '银灰', '深空灰', '红', '蓝', '珍珠白', '曜石黑', '棕', '绿'];
const YEAR_CODES = 'ABCDEFGHJKLMNPRSTVWXY123456789'; // 2010 is A, and again after 30 years
const SERIALS = 1_000_000;

/** Fields 3 to 14 of table 11, for car `index` of this maker; each index has another VIN. */
export function vehicleFields(random: Random, maker: Maker, index: number, year: number): Record<string, string> {
  const model = random.pick(maker.models);
  const serial = String(spread(index, 618_033, SERIALS)).padStart(6, '0');
  const plant = 'ABCDEFGH'[Math.floor(index / SERIALS) % 8]!;
  const stem = `${maker.code.slice(0, 3)}${model.descriptor}0${YEAR_CODES[(year - 2010) % 30]}${plant}${serial}`;
  return {
    NameVehicleEnterprise: maker.name,
    VIN: stem.slice(0, 8) + vinCheckDigit(stem) + stem.slice(9),
    VehicleType: model.name.endsWith('货车') ? '2' : '1',
    PlaceOfOriginOfVehicle: maker.imported ? '2' : '1',
    VehicleDepartment: maker.brand,
    VehicleName: model.name,
    VehicleNum: model.number,
    VehicleModel: model.generalName,
    BodyColor: random.pick(COLORS),
    FuelType: model.fuel,
    ...(model.engine && { EngineNum: `${model.engine}${random.digits(7)}` }),
    ...(model.motor && { MotorNum: motorNumbers(random, model.motor) }),
  };
}

/** Some cars have a motor on each axle: 多个电动机号码时，以逗号隔开. */
function motorNumbers(random: Random, motor: string): string {
  const count = random.chance(0.2) ? 2 : 1;
  return Array.from({ length: count }, () => `${motor}${random.digits(8)}`).join(',');
}

/** GB 16735, over 17 characters of which the ninth counts nothing. */
function vinCheckDigit(stem: string): string {
  // Letters count by their place in these rows, digits as themselves.
  const values = ['', 'AJ', 'BKS', 'CLT', 'DMU', 'ENV', 'FW', 'GPX', 'HY', 'RZ'];
  const weights = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];
  const sum = weights.reduce((total, weight, at) => {
    const character = stem[at]!;
    const value = /\d/.test(character) ? Number(character) : values.findIndex((row) => row.includes(character));
    return total + weight * value;
  }, 0);
  return '0123456789X'[sum % 11]!;
}

const PLATE_LETTERS = 'ABCDEFGHJKLMNPQRSTUVWXYZ';

/** GA 36: six characters after the place for new energy, of which the first is D where it has no engine; else five. */
export function plate(random: Random, city: City, fuel: string): string {
  if (fuel === '3') return `${city.plate}D${random.pick([...PLATE_LETTERS])}${random.digits(4)}`;
  if (fuel === '11' || fuel.includes(',')) return `${city.plate}F${random.digits(5)}`;
  return `${city.plate}${random.digits(1)}${random.pick([...PLATE_LETTERS])}${random.digits(3)}`;
}
