import type { Check } from './check.js';

const PROVINCE = '[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼]';
const FORMS = [
  `${PROVINCE}[A-HJ-NP-Z][A-HJ-NP-Z0-9]{4}[A-HJ-NP-Z0-9挂学警港澳领试超]`, // five characters after the place
  `${PROVINCE}[A-HJ-NP-Z](?:[A-HJ-NP-Z][A-HJ-NP-Z0-9]\\d{4}|\\d{5}[A-HJ-NP-Z])`, // new energy: six, small and large
  '使\\d{6}|\\d{6}使', // embassies
];
const PLATE = new RegExp(`^(?:${FORMS.join('|')})$`, 'u');

/** GA 36: a province, a letter of the place, five characters, or six where the vehicle runs on new energy. */
export const plate: Check = (value) => (PLATE.test(value) ? undefined : { rule: 'a number plate (GA 36)' });
