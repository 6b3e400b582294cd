import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';

const CHROMIUM = '/usr/bin/chromium';
const SHOTS = fileURLToPath(new URL('../../../test-results/page/', import.meta.url));
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/**
 * A real Chromium.
 * @returns undefined where there is none; under CI that is an error
 */
export async function startBrowser(): Promise<Browser | undefined> {
  if (!existsSync(CHROMIUM)) {
    if (process.env.CI) throw new Error(`expected ${CHROMIUM}; install chromium`);
    return undefined;
  }
  const { chromium } = await import('playwright-core');
  return chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
}

export interface Look {
  width: number;
  height: number;
  language: 'en' | 'zh';
  theme: 'light' | 'dark';
}

/** Opens the page as a reader would; what a script of it throws, or what its policy refuses, is kept in `wrong`. */
export async function openPage(
  browser: Browser,
  address: string,
  look: Look,
): Promise<{ page: Page; wrong: string[] }> {
  const { width, height, language, theme } = look;
  const context = await browser.newContext({ viewport: { width, height }, reducedMotion: 'reduce' });
  const choice = { language, theme };
  const chosen = Object.entries(choice).map(([name, value]) => `localStorage.setItem('${name}', '${value}');`);
  await context.addInitScript({ content: chosen.join('') });
  const page = await context.newPage();
  const wrong: string[] = [];
  page.on('pageerror', ({ message }) => wrong.push(message));
  page.on('console', (said) => said.type() === 'error' && wrong.push(said.text()));
  await page.goto(address);
  await page.locator('.state.live').waitFor();
  await page.locator('.pipelines > li').first().waitFor();
  await page.locator('.calendar').first().waitFor();
  return { page, wrong };
}

/** Keeps what a reader sees, under test-results/page/. */
export async function shoot(page: Page, name: string): Promise<void> {
  mkdirSync(SHOTS, { recursive: true });
  await page.evaluate('scrollTo(0, 0)');
  await page.screenshot({ path: `${SHOTS}${name}.png`, fullPage: true });
}

/** What axe finds wrong: contrast, names, roles, order. */
export async function faultsOf(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  return page.evaluate(async () => {
    type Found = { violations: { id: string; nodes: { html: string }[] }[] };
    const { axe } = globalThis as unknown as { axe: { run(): Promise<Found> } };
    const { violations } = await axe.run();
    return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`));
  });
}
