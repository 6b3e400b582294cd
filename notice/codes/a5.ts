/**
 * PLACEHOLDER of appendix A.5, types of certificate, which the notice cites and does not print: the site replaces it.
 * A replacement keeps the words 居民身份证 and 统一社会信用代码 alone or as the start of a meaning: by them the checks of
 * certificate numbers know which codes they are for.
 */
export const a5: Readonly<Record<string, string>> = {
  '01': '居民身份证',
  '02': '临时居民身份证',
  '03': '户口簿',
  '04': '军人身份证件',
  '05': '武装警察身份证件',
  '06': '港澳居民来往内地通行证',
  '07': '台湾居民来往大陆通行证',
  '08': '港澳台居民居住证',
  '09': '外国公民护照',
  '10': '外国人永久居留身份证',
  '21': '统一社会信用代码（营业执照）',
  '22': '统一社会信用代码（事业单位法人证书）',
  '23': '统一社会信用代码（社会团体法人登记证书）',
  '24': '组织机构代码证',
  '99': '其他',
};
