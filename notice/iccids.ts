import { type Fault, IovError } from '../contract/error.js';

/** So many cards one command may name. */
const ICCIDS_MAX = 100;

/**
 * The cards that a command names (tables 1 and 5: ICCID), each once, in the order in which it names them: one, or several
 * with a comma, a semicolon or white space between (interpretation.md: each is a sub-command, 6.2.3.2 a).
 * @throws IovError RECORD_INVALID where a part is no card number, or there are more than 100
 */
export function iccidsOf(text: string): string[] {
  const parts = text.split(/[,，;；\s]+/, ICCIDS_MAX + 3).filter((part) => part !== '');
  if (parts.length === 0 || !parts.every((part) => /^[A-Za-z0-9]{1,32}$/.test(part))) {
    throw refused('one or several card numbers of 1 to 32 letters or digits, with commas between');
  }
  if (parts.length > ICCIDS_MAX) throw refused(`at most ${ICCIDS_MAX} card numbers`);
  return [...new Set(parts)];
}

function refused(rule: string): IovError {
  const fault: Fault = { field: 'ICCID', label: '车联网卡ICCID', rule };
  return new IovError('RECORD_INVALID', 'the cards of a command cannot be told', { faults: [fault] });
}
