import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

type Open = typeof fs.createReadStream;

/** While `work` runs, files are read as `change` has it. */
export async function withReadStream<Result>(
  change: (open: Open) => Open,
  work: () => Promise<Result>,
): Promise<Result> {
  const original = fs.createReadStream;
  fs.createReadStream = change(original);
  syncBuiltinESMExports();
  try {
    return await work();
  } finally {
    fs.createReadStream = original;
    syncBuiltinESMExports();
  }
}
