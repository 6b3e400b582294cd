import t from 'tap';
import type { LedgerView, WindowView } from '../../dashboard/ledgerView.js';
import { type Day, runDay, type Teller } from '../../demo/day.js';
import { cutoffOf } from '../../notice/cutoff.js';
import { signNature } from '../../notice/signature.js';
import { keptLog } from '../support/bareContext.js';
import { faultsOf, openPage, shoot, startBrowser } from '../support/browser.js';
import { until } from '../support/until.js';
import { TOKEN, watchedOperator } from '../support/watchedOperator.js';

t.setTimeout(600_000);
const DESK = { width: 1280, height: 900, language: 'en', theme: 'light' } as const;
const browser = await startBrowser();
const skip = browser ? false : 'chromium is not installed';
t.teardown(() => browser?.close());

t.test('the page shows a demo day, finds a registration, and sends a dead letter again', { skip }, async (t) => {
  if (!browser) return;
  let open: ReturnType<typeof openPage> | undefined;
  const opens = async (address: string) => {
    open = openPage(browser, address, DESK);
    await open; // before anything flows
  };
  const teller: Teller = { phase: () => {}, done: () => {}, page: opens };
  const day = runDay(
    { folder: t.testdir(), records: 300, photos: 30, bytesMax: 30_000, seed: 3, log: keptLog() },
    teller,
  );
  t.teardown(async () => (await day).world.stop());

  await until('the page', () => open !== undefined, { ms: 120_000 });
  const { page, wrong } = await open!;
  await page.locator('.edge.flows').first().waitFor({ timeout: 60_000 });
  await shoot(page, 'intake');
  t.ok((await page.locator('#pipelines h3').allTextContents()).includes('accounts-daily'));
  const { world, operator, sent } = await day;
  t.equal(await page.locator('#lanes .lanes li').count(), 20, 'twenty lanes');

  await page.locator('#windows > .windows > li.good').nth(7).waitFor();
  t.equal(await page.locator('#windows > .windows > li.good').count(), 8, 'every window of the day is delivered');
  await page.locator('.summary', { hasText: '600' }).waitFor(); // records archived
  await page.locator('.calendar td.onTime').waitFor();

  const { requestId } = sent.find(({ kind }) => kind === 'account')!;
  await page.locator('#key').fill(requestId);
  await page.keyboard.press('Enter');
  await page.locator('.steps li.delivered').first().waitFor();
  t.match(await page.locator('.steps').textContent(), requestId);
  await page.locator('#key').fill('NOBODY');
  await page.getByRole('button', { name: 'Find' }).click();
  await page.getByText('Nothing is known of that key.').waitFor();
  await page.locator('#key').fill(requestId);
  await page.keyboard.press('Enter');
  await page.locator('.steps li').first().waitFor();

  await addLetter(operator, world);
  await page
    .getByRole('button', { name: /^Show / })
    .first()
    .focus();
  await page.keyboard.press('Enter');
  await page.locator('.letter .facts').nth(1).waitFor();
  await shoot(page, 'day');
  t.strictSame(await faultsOf(page), [], 'axe finds nothing');
  await page.getByRole('button', { name: 'Send again' }).click();
  await page.getByText('Sent again: it has arrived.').waitFor();
  t.equal(operator.engine.store.deadLetters({ state: 'waiting' }).length, 0);
  t.strictSame(wrong, [], 'nothing broke, nothing was refused by the policy');

  const dark = await openPage(browser, operator.page, { ...DESK, language: 'zh', theme: 'dark' });
  t.match(await dark.page.locator('#letters h2').textContent(), '死信');
  await dark.page.locator('#windows > .windows > li').first().waitFor();
  await shoot(dark.page, 'dark-zh');
  t.strictSame(await faultsOf(dark.page), []);
  const phone = await openPage(browser, operator.page, { ...DESK, width: 390, height: 844 });
  await phone.page.locator('#windows > .windows > li').first().waitFor();
  await shoot(phone.page, 'phone');
  t.strictSame(await faultsOf(phone.page), []);
  t.ok(
    await phone.page.evaluate('document.documentElement.scrollWidth <= innerWidth'),
    'nothing is cut off on a phone',
  );
});

t.test(
  'of many dead letters the newest come first, with how many there are, and the older by pages',
  { skip },
  async (t) => {
    if (!browser) return;
    const day = await runDay(
      { folder: t.testdir(), records: 3, photos: 0, bytesMax: 30_000, seed: 5, log: keptLog() },
      { phase: () => {}, done: () => {}, page: () => {} },
    );
    t.teardown(() => day.world.stop());
    const letter = { pipeline: 'accounts-in', code: 'RECORD_INVALID', tags: {} };
    const numbers = Array.from({ length: 250 }, (_, at) => at + 1);
    await day.operator.engine.store.commit(
      numbers.map((number) => (transaction) => {
        transaction.addDeadLetter({ ...letter, origin: `${number}`, reason: `letter ${number}.` });
      }),
    );
    const { page, wrong } = await openPage(browser, day.operator.page, DESK);
    const shows = (first: number) =>
      page.locator('tbody tr:first-child .reason', { hasText: `letter ${first}.` }).waitFor();
    const button = (name: string) => page.getByRole('button', { name, exact: true });
    const rows = page.locator('#letters tbody tr');
    await shows(250);
    t.equal(await rows.count(), 100);
    await page.locator('.pages', { hasText: '100 / 250' }).waitFor();
    t.strictSame(await faultsOf(page), []);
    await button('Older').click();
    await shows(150);
    await button('Older').click();
    await shows(50);
    t.equal(await rows.count(), 50);
    t.ok(await button('Older').isDisabled(), 'there are no more');
    await button('Newest').click();
    await shows(250);
    t.strictSame(wrong, []);
  },
);

t.test('everything on the page can be reached by keyboard, in the order it is read', { skip }, async (t) => {
  if (!browser) return;
  const day = await runDay(
    { folder: t.testdir(), records: 3, photos: 0, bytesMax: 30_000, seed: 4, log: keptLog() },
    { phase: () => {}, done: () => {}, page: () => {} },
  );
  t.teardown(() => day.world.stop());
  const { page } = await openPage(browser, day.operator.page, DESK);
  const reached: string[] = [];
  for (let step = 0; step < 12; step += 1) {
    await page.keyboard.press('Tab');
    reached.push(await page.evaluate('document.activeElement.textContent || document.activeElement.id'));
  }
  t.strictSame(reached.slice(0, 3), ['To the content', 'Pipelines', 'Windows']);
  t.strictSame(reached.slice(-4), ['中文', 'light', 'key', 'Find']);
});

t.test('a stream that is refused, by a proxy or for too many who watch, is asked for again', { skip }, async (t) => {
  if (!browser) return;
  const { port } = await watchedOperator(t);
  const page = await browser.newPage();
  await page.route('**/api/live', (route) => route.fulfill({ status: 502 }));
  await page.goto(`http://127.0.0.1:${port}/`);
  await page.locator('.state.lost').waitFor();
  await page.unroute('**/api/live');
  await page.locator('.state.live').waitFor({ timeout: 60_000 });
});

t.test('a browser is asked for the token, and let in with it', { skip }, async (t) => {
  if (!browser) return;
  const { port } = await watchedOperator(t, { token: true });
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${port}/`);
  t.notOk(await page.getByRole('alert').isVisible(), 'nothing is wrong yet');
  t.strictSame(await faultsOf(page), []);
  await page.getByLabel('Token').fill('not the token');
  await page.keyboard.press('Enter');
  await page.waitForURL(/wrong$/);
  t.match(await page.getByRole('alert').textContent(), /not the token.*令牌不正确/);
  t.strictSame(await faultsOf(page), []);
  await page.getByLabel('Token').fill(TOKEN);
  await page.keyboard.press('Enter');
  await page.locator('.state.live').waitFor();
  t.equal(await page.locator('#pipelines h3').first().textContent(), 'accounts-in');

  await page.route('**/api/status', async (route) => {
    const response = await route.fetch();
    const view: LedgerView = await response.json();
    const cutoff = cutoffOf(view.at - 86_400_000);
    const window = { name: `KH_0002_${cutoff}_P`, pipeline: 'accounts-daily', cutoff, plannedAt: 0 };
    const files = { known: 1, packed: 0, uploading: 0, delivered: 0 };
    const records = { total: 1, delivered: 0 };
    const late: WindowView = { ...window, state: 'open', deadline: view.at - 1, files, records };
    await route.fulfill({ response, json: { ...view, windows: [late] } });
  });
  await page.reload();
  await page.locator('.calendar td.late').waitFor(); // open, and its time is over
  await page.unrouteAll({ behavior: 'wait' }); // the daemon goes before the page does
});

/** A vehicle message that failed for a reason that has passed. */
async function addLetter({ engine: { store } }: Day['operator'], { agreed }: Day['world']): Promise<void> {
  const { platformId, password, codes } = agreed.t1;
  const message = {
    OperType: '1',
    Auth: { PlatformID: platformId, SignNature: signNature(platformId, password) },
    RequestID: 'AGAIN-1',
    Code: codes[0],
    EncryptCarInfo: 'c2VhbGVk',
  };
  const letter = {
    pipeline: 'vehicles-in',
    origin: '127.0.0.1 POST /t1/vehicle',
    code: 'STORE_FAILED',
    reason: 'archive.db: the disk was full',
    tags: { requestId: 'AGAIN-1', platformId },
    raw: Buffer.from(JSON.stringify(message)),
  };
  await store.commit([(transaction) => transaction.addDeadLetter(letter)]);
}
