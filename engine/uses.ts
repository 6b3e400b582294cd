import type { Peer, Peers } from '../contract/peer.js';

/** Stands for all peers: who walks through them also depends on those that come and go. */
const EVERY = '*';

/**
 * Which connections and peers each pipeline and connection has asked for, noted as it asks: what has to start anew when one
 * of them changes. Connections may ask for others; their owner's name is `connections.NAME`.
 */
export class Uses {
  readonly #connections = new Map<string, Set<string>>();
  readonly #peers = new Map<string, Set<string>>();

  /** An owner is created anew: what it asked for before no longer counts. */
  forget(owner: string): void {
    this.#connections.delete(owner);
    this.#peers.delete(owner);
  }

  noteConnection(owner: string, name: string): void {
    noted(this.#connections, owner, name);
  }

  connectionsOf(owner: string): readonly string[] {
    return [...(this.#connections.get(owner) ?? [])];
  }

  /** The peers as one owner sees them: always those of the configuration in force, each look noted. */
  peersFor(owner: string, inForce: () => Peers): Peers {
    const look = (name: string | symbol): Peer | undefined => {
      if (typeof name === 'symbol') return undefined;
      noted(this.#peers, owner, name);
      return Object.hasOwn(inForce(), name) ? inForce()[name] : undefined;
    };
    return new Proxy<Record<string, Peer>>(
      {},
      {
        get: (_, name) => look(name),
        has: (_, name) => look(name) !== undefined,
        ownKeys: () => {
          noted(this.#peers, owner, EVERY);
          return Object.keys(inForce());
        },
        getOwnPropertyDescriptor: (_, name) => {
          const value = look(name);
          return value && { value, enumerable: true, configurable: true };
        },
      },
    );
  }

  /** Whether an owner has asked for one of these, or for a connection that has. */
  isTouched(owner: string, connections: ReadonlySet<string>, peers: ReadonlySet<string>): boolean {
    const seen = this.#peers.get(owner) ?? new Set();
    if (peers.size > 0 && (seen.has(EVERY) || [...seen].some((name) => peers.has(name)))) return true;
    return this.connectionsOf(owner).some(
      (name) => connections.has(name) || this.isTouched(connectionOwner(name), connections, peers),
    );
  }
}

/** The name under which a connection's own uses are noted; no pipeline can be called so. */
export const connectionOwner = (name: string): string => `connections.${name}`;

function noted(uses: Map<string, Set<string>>, owner: string, name: string): void {
  const names = uses.get(owner) ?? new Set();
  uses.set(owner, names.add(name));
}
