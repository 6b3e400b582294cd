/** M: must be there and hold a value. C: must be there when its condition holds. O: may be there. Notice, footnote of table 1. */
export type Presence = 'M' | 'C' | 'O';

export type FieldType = 'string' | 'object' | 'array';

/**
 * When a conditional field must be there:
 * - `known`: when it can be had; one record cannot show whether it could, so nothing is checked
 * - `changed`: when the state has changed; one record cannot show that either
 * - `{ field, in }`: when that field applies and holds one of these codes (one of its codes, where it lists several)
 * - `{ anyOf }`: when any field of a group holds a value
 *
 * With `known: true` it must be there when the condition holds *and* it can be had.
 * With `inferred: true` the notice words the condition by something no field says (the vehicle has an engine), and the
 * field named is our way to tell: a breach is then a finding of the checks, and the field is never left out for it.
 */
export type Condition =
  | 'known'
  | 'changed'
  | { field: string; in: readonly string[]; known?: true; inferred?: true }
  | { anyOf: readonly string[]; known?: true };

/** The code tables of appendix A. */
export type CodeTableId = 'A.1' | 'A.2' | 'A.3' | 'A.4' | 'A.5' | 'A.6';

/** One file of `checks/` each. */
export type CheckName =
  | 'idNumber'
  | 'creditCode'
  | 'vin'
  | 'iccid'
  | 'iccidOperator'
  | 'imsi'
  | 'imsiOperator'
  | 'msisdn'
  | 'plate'
  | 'listLength';

/** A check on a field's value. `with` names a second field it looks at; `when` limits it to records whose code means that. */
export interface CheckRef {
  name: CheckName;
  with?: string;
  when?: { field: string; codeTable: CodeTableId; means: string };
}

/** What kind of personal data a field holds; decides how a message masks it. */
export type Personal = 'name' | 'number' | 'address';

export interface FieldDetails {
  condition?: Condition;
  /** Every code allowed, with its meaning. */
  values?: Readonly<Record<string, string>>;
  /** Several codes may stand in one value, with this between them (`1,3`). */
  separator?: string;
  /** The value is a code of that table of appendix A, or (`column: 'meaning'`) what a code means there. */
  codeTable?: CodeTableId;
  column?: 'meaning';
  format?: 'YYYYMMDDHHMISS' | 'YYYYMMDD';
  /** The fields inside, for an object that has a table of its own. */
  inside?: Table;
  /** The notice is uneven about the type; this one is taken as well (interpretation: EncryptUserInfo, EncryptCarInfo). */
  alsoType?: FieldType;
  /** What an array holds. */
  items?: 'string';
  /** Characters, where the validator's own bound is too small. */
  lengthMax?: number;
  personal?: Personal;
  checks?: readonly CheckRef[];
}

/** One row of a table: the first six as the notice prints them, the rest as we read its remark. */
export interface Field extends FieldDetails {
  number: number;
  /** The name on the wire, to the letter. */
  name: string;
  /** 字段描述. */
  label: string;
  type: FieldType;
  presence: Presence;
  /** 备注. */
  remark: string;
}

export interface Table {
  number: number;
  title: string;
  /** Where the notice has it. */
  section: string;
  /** Empty for table 4, which lists codes. */
  fields: readonly Field[];
  /** Table 4: the codes it lists. */
  codes?: readonly { code: string; description: string; remark: string }[];
}

/** A row as the notice prints it: 序号, 字段名, 字段描述, 字段类型, 条件, 备注. */
export function row(
  number: number,
  name: string,
  label: string,
  type: FieldType,
  presence: Presence,
  remark: string,
  details: FieldDetails = {},
): Field {
  return { number, name, label, type, presence, remark, ...details };
}
