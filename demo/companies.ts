import { type City, cities, officeAddress } from './cities.js';
import { Random, STREAMS, spread } from './random.js';

export interface Company {
  name: string;
  /** A.5: a business licence with its unified social credit code. */
  certType: '21';
  certNumber: string;
  certAddress: string;
  posterAddress: string;
}

const WORDS = '恒信 瑞丰 宏达 鼎盛 华泰 安捷 远航 盛景 德邦 君越 天成 博远 中和 佳润 龙腾 新程'.split(' ');
const TRADES = '物流 汽车租赁 商贸 建筑工程 电子科技 信息技术 食品 医疗器械 文化传媒 新能源 供应链管理 物业服务'.split(
  ' ',
);

/**
 * A company that does not exist; each number has another credit code, up to 887 million.
 * @param known its name and city, where they are known already
 */
export function company(seed: number, number: number, known?: { name: string; home: City }): Company {
  const random = new Random(seed, STREAMS.company, number);
  const city = known?.home ?? random.pick(cities);
  const district = random.pick(city.districts);
  const certAddress = officeAddress(random, city, district.name);
  return {
    name: known?.name ?? nameOf(random, city),
    certType: '21',
    certNumber: creditCode(district.code, number),
    certAddress,
    posterAddress: random.chance(0.7) ? certAddress : officeAddress(random, city, random.pick(city.districts).name),
  };
}

function nameOf(random: Random, city: City): string {
  return `${city.name.slice(0, -1)}${random.pick(WORDS)}${random.pick(WORDS)}${random.pick(TRADES)}有限公司`;
}

// Without I O S V Z (GB 32100).
const ALPHABET = '0123456789ABCDEFGHJKLMNPQRTUWXY';
const BODY_CHARACTERS = 'ABCDEFGHJKLMNPQRTUWXY0123456789';
const BODIES = 31 ** 6;

/** GB 32100: 9 (market supervision) 1 (company), place, the nine of the body (GB 11714), a check character. */
function creditCode(districtCode: string, number: number): string {
  let rest = spread(number, 5_871_923, BODIES);
  let body = 'MA';
  for (let at = 0; at < 6; at += 1) {
    body += BODY_CHARACTERS[rest % 31]!;
    rest = Math.floor(rest / 31);
  }
  const stem = `91${districtCode}${body}${bodyCheck(body)}`;
  const weighted = weightedSum(stem, [1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28], ALPHABET);
  return stem + ALPHABET[(31 - (weighted % 31)) % 31]!;
}

/** GB 11714: the check character of an organization's code. */
function bodyCheck(body: string): string {
  const sum = weightedSum(body, [3, 7, 9, 10, 5, 8, 4, 2], '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ');
  return '0123456789X'[(11 - (sum % 11)) % 11]!;
}

function weightedSum(text: string, weights: readonly number[], alphabet: string): number {
  return weights.reduce((sum, weight, at) => sum + weight * alphabet.indexOf(text[at]!), 0);
}
