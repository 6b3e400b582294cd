import { show } from './conform.js';
import type { Faults } from './fault.js';
import { type JsonSchema, schemaOfKey } from './jsonSchema.js';
import type { Located, Path } from './located.js';
import { didYouMean } from './suggest.js';

/** What options may refer to. */
export interface Known {
  /** Kind of each connection by its name; undefined where the kind is unknown, which has been told already. */
  connections: ReadonlyMap<string, string | undefined>;
  /** Each peer by its name, and whether it has a cipher; undefined where the peers could not be read. */
  peers: ReadonlyMap<string, { cipher: boolean }> | undefined;
}

/** Tells what options name that does not exist or is of the wrong kind, and secrets that stand in the file itself. */
export function checkReferences(schema: JsonSchema, located: Located, path: Path, known: Known, faults: Faults): void {
  if (located.broken) return;
  if (typeof located.value === 'string') {
    if (schema.connection) connection(schema.connection, located, path, known, faults);
    if (schema.peer) peer(schema.peer, located, path, known, faults);
    if (schema.secret) secret(located, path, faults);
  }
  for (const branch of schema.anyOf ?? []) checkReferences(branch, located, path, known, faults);
  for (const [key, child] of located.children) {
    const inner = Array.isArray(located.value) ? schema.items : schemaOfKey(schema, key);
    if (inner) checkReferences(inner, child, [...path, key], known, faults);
  }
}

function connection(kind: string, located: Located, path: Path, known: Known, faults: Faults): void {
  const name = String(located.value);
  const actual = known.connections.get(name);
  if (actual === kind || (actual === undefined && known.connections.has(name))) return;
  const fitting = [...known.connections].filter(([, other]) => other === kind).map(([other]) => other);
  const expected = `expected a connection of kind ${kind}${fitting.length > 0 ? ` (${fitting.join(', ')})` : ''}`;
  const got = actual ? `${name}, which is of kind ${actual}` : `${show(located)}${didYouMean(name, fitting)}`;
  faults.add(located.mark, path, `${expected}, got ${got}`);
}

function peer(wanted: true | 'cipher', located: Located, path: Path, known: Known, faults: Faults): void {
  if (!known.peers) return;
  const name = String(located.value);
  const found = known.peers.get(name);
  const names = [...known.peers.keys()];
  if (!found) {
    const expected =
      names.length > 0 ? `one of the peers ${names.join(', ')}` : 'a peer, but there are none under peers:';
    faults.add(located.mark, path, `expected ${expected}, got ${show(located)}${didYouMean(name, names)}`);
  } else if (wanted === 'cipher' && !found.cipher) {
    faults.add(located.mark, path, `expected a peer with a cipher, got ${name}, which has none`);
  }
}

/** Keys never stand in a configuration file, where they would be copied, committed and shown. */
function secret(located: Located, path: Path, faults: Faults): void {
  if (located.hidden !== undefined) return;
  faults.hide(located.mark);
  const instead = `write "\${secret:NAME}" and put it into the file secrets/NAME`;
  faults.add(located.mark, path, `expected a secret, got a text in the file itself; ${instead}`);
}
