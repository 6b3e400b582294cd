import t from 'tap';
import { iovpipe } from '../support/cli.js';
import { agedSite, CARDS, NAME } from '../support/endedService.js';

t.test('a reviewer lists what was drawn, looks at it masked, and notes the verdict', async (t) => {
  const folder = await agedSite(t);
  const list = await iovpipe(['sample'], folder);
  t.match(list, { code: 0, stderr: '' });
  t.match(list.stdout, /1 +2022-11-15 00:00:00 +accounts-in +/);
  const show = await iovpipe(['sample', 'show', '1'], folder);
  t.match(show.stdout, /^state +open$[\s\S]*^CustomerName +完\*\*\*$/m);
  t.match(await iovpipe(['sample', 'review', '1', '--verdict', 'wrong', '--note', 'the address is old'], folder), {
    code: 0,
    stderr: '',
  });
  t.strictSame(
    JSON.parse((await iovpipe(['sample', '--json'], folder)).stdout).map(({ id }: { id: number }) => id),
    [2],
    'what is reviewed leaves the list',
  );
  t.match(JSON.parse((await iovpipe(['sample', 'show', '1', '--json'], folder)).stdout), {
    state: 'reviewed',
    verdict: 'wrong',
    note: 'the address is old',
  });
  t.match((await iovpipe(['sample', '--all', '--after', '0'], folder)).stdout, /wrong[\s\S]*open/);
  for (const { stdout } of [list, show]) t.notMatch(stdout, new RegExp(`${NAME}|${CARDS.gone}`));
});

t.test('sample refuses what it does not know', async (t) => {
  const folder = await agedSite(t);
  t.match(await iovpipe(['sample', 'show', '99'], folder), { code: 1, stderr: /no sample 99/ });
  t.match(await iovpipe(['sample', 'review', '99', '--verdict', 'right'], folder), { code: 1 });
  t.match(await iovpipe(['sample', 'review', '1'], folder), { code: 64, stderr: /--verdict: expected right or wrong/ });
  t.match(await iovpipe(['sample', 'review', '1', '--verdict', 'maybe'], folder), { code: 64 });
  t.match(await iovpipe(['sample', 'show'], folder), { code: 64, stderr: /usage/ });
  t.match(await iovpipe(['sample', '--after', 'x'], folder), { code: 64 });
});
