import type { HttpsListener } from '../../connections/httpsListener.js';
import type { Transaction } from '../../contract/store.js';
import { makeCertificates } from '../../demo/certificates.js';
import { generator } from '../../demo/generator.js';
import { systemClock } from '../../engine/clock.js';
import { Engine } from '../../engine/engine.js';
import { openLog } from '../../engine/log.js';
import { siteConfig } from '../site.js';

const BATCH = 500;

/** The operator's account intake, every card known; runs until its parent says stop. */
export async function run({ folder, cards }: { folder: string; cards: number }): Promise<object> {
  const { cert, key } = await makeCertificates();
  const t1 = { listen: '127.0.0.1:0', cert, key: '${secret:t1.key}' };
  const connections = `connections: { t1: { https: ${JSON.stringify(t1)} } }`;
  const config = await siteConfig(folder, { 't1.key': key }, connections, PIPELINE);
  const engine = await Engine.open(config, { clock: systemClock, log: openLog({ level: 'warn' }) });
  const source = generator(2022);
  for (let from = 0; from < cards; from += BATCH) {
    const effects = Array.from({ length: Math.min(BATCH, cards - from) }, (_, offset) => {
      const fields = source.card(from + offset);
      return (transaction: Transaction) => transaction.putCardSide(String(fields.ICCID), 'card', { fields, tags: {} });
    });
    await engine.store.commit(effects);
  }
  const stop = new AbortController();
  process.once('message', () => stop.abort());
  const serving = engine.serve(stop.signal, () =>
    process.send?.({ port: engine.connection<HttpsListener>('t1').port }),
  );
  await serving;
  const records = engine.store.status().records.reduce((total, { count }) => total + count, 0);
  await engine.close();
  return { records };
}

const PIPELINE = `  accounts-in:
    source: { https: { on: t1, path: /t1/account, request: 7 } }
    operators:
      - authenticate: {}
      - decrypt: { field: EncryptUserInfo, table: 8 }
      - validate: { table: 8 }
      - limitCards: { max: 10 }
      - join: { cards: ICCID }
      - validate: { table: 12 }
      - order: { table: 12 }
    sink: { archive: { kind: KH, code: "0002" } }
`;
