import { writeFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import { IovError } from '../../contract/error.js';
import type { JsonObject } from '../../contract/tags.js';
import type { Entry } from '../../engine/replay.js';
import { ArchivedFiles } from '../../engine/replayFiles.js';
import { packedContent } from '../../engine/yamlTests/content.js';

/** What is found in a file, each as its value, or the code of what is wrong with it. */
async function found(t: Test, name: string, content: unknown) {
  const path = `${t.testdir({})}/${name}`;
  writeFileSync(path, await packedContent(content, undefined, Date.UTC(2022, 10, 15)));
  const archived = await ArchivedFiles.of([path], 'record', undefined);
  const entries: Entry[] = [];
  for await (const group of archived.read(await archived.open(), new AbortController().signal)) entries.push(...group);
  const opened = entries.map((entry): Pick<IovError, 'code' | 'message'> | JsonObject => {
    try {
      return entry.open().value as JsonObject;
    } catch (thrown) {
      return IovError.from(thrown);
    }
  });
  return { entries, opened };
}

t.test('what is wrong with a packed text is told by its kind', async (t) => {
  const { entries, opened } = await found(t, 'KH_0002_2022111600_F_000001end.zip', {
    'lines.txt': `{"a":1}\n{"a":"${'x'.repeat(1_048_576)}"}\nno json\n`,
    'list.txt': '[{"a":2} {"a":3}]',
    'open.txt': '[{"a":4}',
  });
  t.match(opened, [
    { a: 1 },
    { code: 'MESSAGE_TOO_LARGE', message: /1048576 bytes/ },
    { code: 'MESSAGE_NOT_JSON' },
    { a: 2 },
    { code: 'FILE_INVALID', message: /an array of objects/ },
    { a: 4 },
    { code: 'FILE_INVALID', message: /the end of the array/ },
  ]);
  t.equal(entries[6]?.origin, 'KH_0002_2022111600_F_000001end.zip:7');
});

t.test('a number in the name of a file is told to nobody', async (t) => {
  const { entries, opened } = await found(t, '89860000000000000017.ndjson', '{"ICCID":"c","Code":"0002"}\n');
  t.match(opened, [{ Code: '0002' }]);
  t.match(entries, [{ origin: /^#[0-9a-f]{8}\.ndjson:1$/ }]);
  t.match(entries[0]?.open().tags, { iccid: 'c', code: '0002', requestId: '1', platformId: /^file [0-9a-f]{32}$/ });
});
