import { IovError } from '../../contract/error.js';
import type { Database } from './database.js';
import { steps } from './schemaSteps.js';

/**
 * Brings a file up to this program's schema, one transaction a step. A reader cannot: it says what to do instead.
 * @throws IovError STORE_FAILED where the file is of a newer program, or is read only and older
 */
export function migrate(database: Database, path: string, readOnly: boolean): void {
  const versionOf = () => Number(database.pragma('user_version', { simple: true }));
  const version = versionOf();
  if (version > steps.length) {
    const known = `this program knows ${steps.length}`;
    throw new IovError('STORE_FAILED', `${path}: the archive has schema ${version}, ${known}; use the newer program`);
  }
  if (readOnly && version < steps.length) {
    throw new IovError(
      'STORE_FAILED',
      `${path}: the archive has schema ${version} of ${steps.length}; \`iovpipe run\` upgrades it`,
    );
  }
  steps.forEach((step, index) => {
    if (index < version) return;
    database
      .transaction(() => {
        if (versionOf() > index) return; // another process was faster
        database.exec(step);
        database.pragma(`user_version = ${index + 1}`);
      })
      .immediate();
  });
}
