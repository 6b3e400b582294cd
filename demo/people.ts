import { cities, homeAddress } from './cities.js';
import { Random, STREAMS, spread } from './random.js';

export interface Person {
  name: string;
  /** A.5. */
  certType: string;
  certNumber: string;
  certAddress: string;
  certDate: string;
  /** Where it is known, and another than in the papers. */
  posterAddress?: string;
  telephone: string;
}

const SURNAMES = [
  ...'王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩冯邓曹彭曾肖田董潘袁蔡蒋余于杜叶程魏苏吕丁任沈姚卢姜崔钟谭陆范汪廖石金韦贾夏付方邹熊白孟秦邱侯江尹薛闫',
  '欧阳',
  '上官',
  '诸葛',
  '司马',
];
const GIVEN_MALE = [...'伟强磊军洋勇杰涛超明刚平辉鹏华飞鑫波斌宇浩凯健俊帆帅旭宁龙林建国文博志远子轩浩然天翔嘉诚'];
const GIVEN_FEMALE = [...'芳娜敏静丽艳娟霞秀英燕玲桂兰婷雪梅倩颖琳慧洁莹晶欣怡佳萍红悦梦琪雨桐思涵诗雅若曦'];
const MOBILE_PREFIXES = '133 135 136 137 138 139 150 151 158 159 176 182 186 188 189 199'.split(' ');

const DAY_MS = 86_400_000;
const BIRTHS_FROM_MS = Date.UTC(1955, 0, 1);
/** Fifty years of birthdays, 999 people each: as many different numbers, whatever the place. */
const BIRTHDAYS = 18_250;
const NUMBERS = BIRTHDAYS * 999;
const NUMBER_STEP = 11_275_153;

/**
 * Somebody who does not exist: name, papers, address. Each number has another ID number, up to 18 million.
 * @param dayMs the day on which the papers are looked at
 */
export function person(seed: number, number: number, dayMs: number): Person {
  const random = new Random(seed, STREAMS.person, number);
  const city = random.pick(cities);
  const district = random.pick(city.districts);
  const slot = spread(number, NUMBER_STEP, NUMBERS);
  const bornMs = BIRTHS_FROM_MS + (slot % BIRTHDAYS) * DAY_MS;
  const order = Math.floor(slot / BIRTHDAYS) + 1;
  const certAddress = homeAddress(random, city, district.name);
  return {
    name: nameOf(random, order % 2 === 1),
    ...papersOf(random, number, `${district.code}${dayOf(bornMs)}${String(order).padStart(3, '0')}`, bornMs, dayMs),
    certAddress,
    ...(random.chance(0.4) && { posterAddress: homeAddress(random, city, random.pick(city.districts).name) }),
    telephone: random.pick(MOBILE_PREFIXES) + random.digits(8),
  };
}

function nameOf(random: Random, male: boolean): string {
  const given = male ? GIVEN_MALE : GIVEN_FEMALE;
  const second = random.chance(0.75) ? random.pick(given) : '';
  return random.pick(SURNAMES) + random.pick(given) + second;
}

/** Most have a resident's ID card; a few a permit for residents of Hong Kong and Macao. */
function papersOf(random: Random, number: number, stem: string, bornMs: number, dayMs: number) {
  const issuedMs = dayMs - random.integer(30, 3000) * DAY_MS;
  if (random.chance(0.02)) {
    const certNumber = `${random.pick(['H', 'M'])}${String(spread(number, 61_803_399, 1e8)).padStart(8, '0')}`;
    return { certType: '06', certNumber, certDate: `${dayOf(issuedMs)}-${yearsLater(issuedMs, 10)}` };
  }
  const age = (issuedMs - bornMs) / (365.25 * DAY_MS);
  const until = age >= 46 ? '长期' : yearsLater(issuedMs, age >= 26 ? 20 : 10);
  return { certType: '01', certNumber: stem + idCheckDigit(stem), certDate: `${dayOf(issuedMs)}-${until}` };
}

/** GB 11643 (ISO 7064, MOD 11-2) over 17 digits. */
function idCheckDigit(stem: string): string {
  let sum = 0;
  for (const digit of stem) sum = ((sum + Number(digit)) * 2) % 11;
  return '10X98765432'[sum]!;
}

/** YYYYMMDD in Shanghai; `timestampOf` begins in 1992, people earlier. */
function dayOf(timeMs: number): string {
  return new Date(timeMs + 8 * 3600_000).toISOString().slice(0, 10).replaceAll('-', '');
}

function yearsLater(timeMs: number, years: number): string {
  const day = dayOf(timeMs);
  return `${Number(day.slice(0, 4)) + years}${day.slice(4).replace('0229', '0228')}`;
}
