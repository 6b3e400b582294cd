import type { Faults } from './fault.js';
import { textAt } from './located.js';
import type { Steps } from './rules.js';

/** Kafka commits what it holds itself: nothing else can be committed as one with a transaction. */
export function checkTransactions(pipelines: readonly Steps[], faults: Faults): void {
  for (const { source, operators, sink } of pipelines) {
    const transactions = sink?.spec.name === 'kafka' ? sink.located.children.get('transactions') : undefined;
    if (!sink || !transactions) continue;
    const tell = (problem: string) =>
      faults.add(transactions.key ?? transactions.mark, [...sink.path, 'transactions'], problem);
    const on = textAt(sink.located, 'on') ?? '';
    const given = source?.spec.name === 'kafka' ? `kafka on ${textAt(source.located, 'on') ?? ''}` : source?.spec.name;
    if (given !== undefined && given !== `kafka on ${on}`)
      tell(`expected a source kafka on ${on}, whose offsets a transaction takes along, got ${given}`);
    const storing = operators.flatMap((operator) => (operator?.spec.stores ? [operator.spec.name] : []));
    if (storing.length > 0)
      tell(`expected no operator that stores something, which no transaction takes along, got ${storing.join(', ')}`);
  }
}
