import type { HttpsListener } from '../../connections/httpsListener.js';
import type { Transaction } from '../../contract/store.js';
import { makeCertificates } from '../../demo/certificates.js';
import { generator } from '../../demo/generator.js';
import { systemClock } from '../../engine/clock.js';
import { Engine } from '../../engine/engine.js';
import { openLog } from '../../engine/log.js';
import { siteConfig } from '../site.js';

const BATCH = 500;

/** The operator's command channel, every card registered; runs until its parent says stop, and tells what is due then. */
export async function run({ folder, cards }: { folder: string; cards: number }): Promise<object> {
  const { cert, key } = await makeCertificates();
  const t2 = { listen: '127.0.0.1:0', cert, key: '${secret:t2.key}' };
  const connections = `connections: { t2: { https: ${JSON.stringify(t2)} } }`;
  const config = await siteConfig(folder, { 't2.key': key }, connections, COMMANDS_IN);
  const engine = await Engine.open(config, { clock: systemClock, log: openLog({ level: 'warn' }) });
  await registerCards(engine, cards);
  const stop = new AbortController();
  process.once('message', () => stop.abort());
  await engine.serve(stop.signal, () => process.send?.({ port: engine.connection<HttpsListener>('t2').port }));
  const due = engine.store.status().dueFiles.reduce((total, { open }) => total + open, 0);
  await engine.close();
  return { due };
}

/** The first cards of the generator, with what has been registered for them. */
export async function registerCards(engine: Engine, cards: number): Promise<void> {
  const source = generator(2022);
  for (let from = 0; from < cards; from += BATCH) {
    const effects = Array.from({ length: Math.min(BATCH, cards - from) }, (_, offset) => {
      const { code, detail } = source.registration(from + offset);
      return (transaction: Transaction) =>
        transaction.putCardSide(String(detail.ICCID), 'registration', { fields: detail, tags: { code } });
    });
    await engine.store.commit(effects);
  }
}

export const COMMANDS_IN = `  commands-in:
    source: { https: { on: t2, path: /t2/command, request: 5 } }
    operators:
      - authenticate: { operatorId: "0002" }
      - findCard: {}
      - expect: { file: KH, code: "0002" }
      - expect: { file: HT, codeOf: maker }
    sink: { requests: {} }
`;
