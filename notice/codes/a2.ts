/** PLACEHOLDER of appendix A.2, kinds of operation, which the notice cites and does not print: the site replaces it. */
export const a2: Readonly<Record<string, string>> = {
  '1': '开户',
  '2': '销户',
  '3': '过户',
  '4': '换卡',
  '5': '变更',
  '6': '补登记',
  '7': '报废',
};
