import type { Random } from './random.js';

/** A city as tables 8, 11 and 12 need it: codes of GB/T 2260, the telephone area, the beginning of its number plates. */
export interface City {
  name: string;
  province: string;
  provinceCode: string;
  areaCode: string;
  plate: string;
  districts: readonly { code: string; name: string }[];
}

// City, province and its code, area code, plates, districts with their codes.
const ROWS = `
北京市 北京市 11 010 京A 110105 朝阳区 110106 丰台区 110108 海淀区
天津市 天津市 12 022 津A 120103 河西区 120104 南开区 120116 滨海新区
石家庄市 河北省 13 0311 冀A 130102 长安区 130104 桥西区 130108 裕华区
太原市 山西省 14 0351 晋A 140105 小店区 140106 迎泽区 140107 杏花岭区
沈阳市 辽宁省 21 024 辽A 210102 和平区 210103 沈河区 210112 浑南区
大连市 辽宁省 21 0411 辽B 210202 中山区 210203 西岗区 210211 甘井子区
长春市 吉林省 22 0431 吉A 220102 南关区 220104 朝阳区 220105 二道区
哈尔滨市 黑龙江省 23 0451 黑A 230102 道里区 230103 南岗区 230110 香坊区
上海市 上海市 31 021 沪A 310104 徐汇区 310112 闵行区 310115 浦东新区
南京市 江苏省 32 025 苏A 320105 建邺区 320106 鼓楼区 320115 江宁区
无锡市 江苏省 32 0510 苏B 320211 滨湖区 320213 梁溪区 320214 新吴区
苏州市 江苏省 32 0512 苏E 320505 虎丘区 320506 吴中区 320508 姑苏区
杭州市 浙江省 33 0571 浙A 330106 西湖区 330108 滨江区 330110 余杭区
宁波市 浙江省 33 0574 浙B 330203 海曙区 330205 江北区 330212 鄞州区
温州市 浙江省 33 0577 浙C 330302 鹿城区 330303 龙湾区 330304 瓯海区
合肥市 安徽省 34 0551 皖A 340103 庐阳区 340104 蜀山区 340111 包河区
福州市 福建省 35 0591 闽A 350102 鼓楼区 350103 台江区 350104 仓山区
厦门市 福建省 35 0592 闽D 350203 思明区 350206 湖里区 350211 集美区
南昌市 江西省 36 0791 赣A 360102 东湖区 360103 西湖区 360111 青山湖区
济南市 山东省 37 0531 鲁A 370102 历下区 370103 市中区 370112 历城区
青岛市 山东省 37 0532 鲁B 370202 市南区 370203 市北区 370212 崂山区
郑州市 河南省 41 0371 豫A 410102 中原区 410103 二七区 410105 金水区
武汉市 湖北省 42 027 鄂A 420102 江岸区 420106 武昌区 420111 洪山区
长沙市 湖南省 43 0731 湘A 430104 岳麓区 430105 开福区 430111 雨花区
广州市 广东省 44 020 粤A 440104 越秀区 440106 天河区 440113 番禺区
深圳市 广东省 44 0755 粤B 440304 福田区 440305 南山区 440306 宝安区
佛山市 广东省 44 0757 粤E 440604 禅城区 440605 南海区 440606 顺德区
南宁市 广西壮族自治区 45 0771 桂A 450103 青秀区 450105 江南区 450107 西乡塘区
重庆市 重庆市 50 023 渝A 500103 渝中区 500105 江北区 500112 渝北区
成都市 四川省 51 028 川A 510104 锦江区 510105 青羊区 510107 武侯区
贵阳市 贵州省 52 0851 贵A 520102 南明区 520103 云岩区 520115 观山湖区
昆明市 云南省 53 0871 云A 530102 五华区 530103 盘龙区 530111 官渡区
西安市 陕西省 61 029 陕A 610103 碑林区 610112 未央区 610113 雁塔区
兰州市 甘肃省 62 0931 甘A 620102 城关区 620103 七里河区
`;

export const cities: readonly City[] = ROWS.trim()
  .split('\n')
  .map((row) => {
    const [name, province, provinceCode, areaCode, plate, ...rest] = row.split(' ') as [
      string,
      string,
      string,
      string,
      string,
    ];
    const words: string[] = rest;
    const districts = words.flatMap((code, at) => (at % 2 === 0 ? [{ code, name: words[at + 1]! }] : []));
    return { name, province, provinceCode, areaCode, plate, districts };
  });

const ROADS = '人民路 中山路 解放大道 建设街 文化路 和平街 长江路 科技园路 学院路 滨河东路 迎宾大道 新华路'.split(' ');
const COMMUNITIES = '阳光花园 锦绣家园 翠湖小区 金桂苑 和谐里 万和城 东方名苑 书香门第'.split(' ');
const BUILDINGS = '科技大厦 国际中心 创业园 商务广场 总部基地 产业园'.split(' ');

/** A place down to the door, as papers have it. */
export function homeAddress(random: Random, city: City, district: string): string {
  const door = `${random.integer(1, 32)}栋${random.integer(1, 28)}0${random.integer(1, 6)}室`;
  return `${streetAddress(random, city, district)}${random.pick(COMMUNITIES)}${door}`;
}

export function officeAddress(random: Random, city: City, district: string): string {
  return `${streetAddress(random, city, district)}${random.pick(BUILDINGS)}${random.integer(2, 30)}层`;
}

/** Down to the house number: 至少登记到区县. */
export function streetAddress(random: Random, city: City, district: string): string {
  const province = city.province === city.name ? '' : city.province;
  return `${province}${city.name}${district}${random.pick(ROADS)}${random.integer(1, 899)}号`;
}
