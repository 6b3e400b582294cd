/** What a check found: what was expected. Where sound data can fail it too, it stays a warning under `checks: reject`. */
export interface Finding {
  rule: string;
  warningOnly?: true;
}

/** Looks at a field's value, which is present and not empty, and at that of the field named by the table's `with`. */
export type Check = (value: string, other: unknown) => Finding | undefined;
