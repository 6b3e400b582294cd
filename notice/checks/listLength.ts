import type { Check } from './check.js';

/** A number that counts a list says how many the list holds; where the list is missing, that is another rule's fault. */
export const listLength: Check = (value, list) => {
  if (!Array.isArray(list) || value === String(list.length)) return undefined;
  return { rule: `the length of its list, which is ${list.length}` };
};
