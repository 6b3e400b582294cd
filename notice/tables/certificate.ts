import type { CheckRef } from '../table.js';

/** The checks of a certificate number, by the type of certificate that another field names (A.5). */
export function certificateChecks(typeField: string): CheckRef[] {
  return [
    { name: 'idNumber', when: { field: typeField, codeTable: 'A.5', means: '居民身份证' } },
    { name: 'creditCode', when: { field: typeField, codeTable: 'A.5', means: '统一社会信用代码' } },
  ];
}
