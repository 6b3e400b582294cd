import { isLoopback, listenAddress } from '../connections/listenAddress.js';
import type { Static } from '../contract/schema.js';
import type { CheckedDashboard } from './config.js';
import type { DashboardOptions } from './configSchema.js';
import type { Faults } from './fault.js';
import type { Located } from './located.js';

/** Whoever can reach the page can read and send again; on an address that others reach it asks who they are. */
export function checkDashboard(root: Located, faults: Faults): void {
  const dashboard = root.children.get('dashboard');
  const listen = dashboard?.children.get('listen');
  if (!dashboard || !listen || listen.broken || typeof listen.value !== 'string') return;
  if (dashboard.children.has('token') || isLoopback(listenAddress(listen.value).host)) return;
  const expected = 'expected a token, or a loopback address (127.0.0.1:9464)';
  faults.add(listen.mark, ['dashboard', 'listen'], `${expected}, got ${JSON.stringify(listen.value)} without a token`);
}

export function checkedDashboard({ listen, token }: Static<typeof DashboardOptions>): CheckedDashboard {
  return { ...listenAddress(listen), ...(token !== undefined && { token }) };
}
