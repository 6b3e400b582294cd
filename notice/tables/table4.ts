import { FAILURES } from '../failure.js';
import type { Table } from '../table.js';

/** A list of codes, not of fields; a FailureCause may hold one of them, or plain text. */
export const table4: Table = {
  number: 4,
  title: '失败原因编码',
  section: '5.1.2.2',
  fields: [],
  codes: Object.entries(FAILURES).map(([code, failure]) => ({ code, ...failure })),
};
