/** PLACEHOLDER of appendix A.6, car makers, which the notice cites and does not print: the site replaces it. */
export const a6: Readonly<Record<string, string>> = {
  WBA0: '示例汽车制造有限公司甲',
  LSV1: '示例汽车制造有限公司乙',
  LFV2: '示例汽车制造有限公司丙',
};
