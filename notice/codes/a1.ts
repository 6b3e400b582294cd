/** PLACEHOLDER of appendix A.1, operators, which the notice cites and does not print: the site replaces it. */
export const a1: Readonly<Record<string, string>> = {
  '0001': '中国电信',
  '0002': '中国移动',
  '0003': '中国联通',
  '0004': '中国广电',
  '9999': '全部电信企业',
};
