import { randomBytes } from 'node:crypto';
import { type ReceiveRate, receiveRateOf } from '../connections/receiveRate.js';
import { defineOperator, type Kernel } from '../contract/component.js';
import { type Fault, IovError } from '../contract/error.js';
import type { Item } from '../contract/item.js';
import type { Peer } from '../contract/peer.js';
import { Type } from '../contract/schema.js';
import type { Store } from '../contract/store.js';
import type { JsonObject, Tags } from '../contract/tags.js';
import { isObject } from '../notice/report.js';
import { signatureMatches } from '../notice/signature.js';

export const spec = defineOperator({
  name: 'authenticate',
  summary: 'Lets a message pass when a known platform signed it and may speak for its Code.',
  description:
    'Compares `Auth` with the peers file (tables 2 and 6): an unknown PlatformID, a wrong SignNature or a Code that is not among the platform’s `codes` is answered 401, a missing or ill-formed `Auth` 400, and with `operatorId` a command for another operator 400 too. Where the peer has a `messagesPerSecondMax`, a signed message above it is answered 604, to be sent again; what nobody waits for (from a topic, a file, the dead letters) is not counted. The message itself stays as it is; from here on the item knows its platform, code, RequestID, OperType and, of a command, its ICCID.',
  sections: ['5.1.2.1', '5.2.2.1', '6.1.1.1', '6.1.2.1'],
  takes: ['message'],
  gives: 'message',
  options: Type.Object(
    {
      peers: Type.Optional(
        Type.Array(Type.String({ peer: true }), {
          minItems: 1,
          maxItems: 1_000,
          description: 'Who may call this channel; by default every peer of the peers file.',
          examples: [['regulator']],
        }),
      ),
      operatorId: Type.Optional(
        Type.String({
          minLength: 1,
          maxLength: 64,
          description: 'Our code in table A.1: a command (table 5) must name it, or 9999, which is every operator.',
          examples: ['0002'],
        }),
      ),
    },
    { additionalProperties: false },
  ),
  examples: [
    {
      title: 'Before anything else',
      yaml: '{}',
      input: [
        {
          RequestID: 'R1',
          Auth: { PlatformID: 'OEM-1', SignNature: '165fa4ead19a48377c41ce020d226750a9dce98ffbf6a1fa18395acc15a7e7ed' },
        },
      ],
      output: [
        {
          RequestID: 'R1',
          Auth: { PlatformID: 'OEM-1', SignNature: '165fa4ead19a48377c41ce020d226750a9dce98ffbf6a1fa18395acc15a7e7ed' },
        },
      ],
    },
    { title: 'Commands of the regulator for China Mobile', yaml: 'peers: [regulator]\noperatorId: "0002"' },
  ],
  create({ peers: names, operatorId }, { peers, store }) {
    const chosen = names === undefined ? Object.values(peers) : names.flatMap((name) => peers[name] ?? []);
    return new Authenticate(chosen, operatorId, store);
  },
});

class Authenticate implements Kernel {
  readonly #peers: ReadonlyMap<string, Peer>;
  readonly #rates: ReadonlyMap<string, ReceiveRate | undefined>;
  /** Compared with where the platform is unknown, so that its answer takes as long as a wrong signature's. */
  readonly #nobody: Pick<Peer, 'platformId' | 'password'> = {
    platformId: '-',
    password: randomBytes(32).toString('hex'),
  };

  readonly #operatorId: string | undefined;

  constructor(peers: readonly Peer[], operatorId: string | undefined, store: Store) {
    this.#operatorId = operatorId;
    this.#peers = new Map(peers.map((peer) => [peer.platformId, peer]));
    this.#rates = new Map(peers.map((peer) => [peer.platformId, receiveRateOf(peer, store)]));
  }

  transform(item: Item): [Item] {
    const message = item.value as JsonObject;
    const { platformId, signature } = credentialsOf(message);
    const peer = this.#peers.get(platformId);
    const genuine = signatureMatches(peer ?? this.#nobody, signature);
    if (!peer || !genuine) {
      throw new IovError('UNAUTHORIZED', 'Auth: unknown PlatformID or wrong SignNature');
    }
    // only now: a stranger uses up nothing of it
    if (item.isAwaited) refuseAbove(this.#rates.get(platformId));
    const code = message.Code;
    if (typeof code === 'string' && !peer.codes.includes(code)) {
      throw new IovError('UNAUTHORIZED', 'Code: not among the codes that this platform may speak for');
    }
    if (this.#operatorId !== undefined) refuseForeign(message.OperatorID, this.#operatorId);
    // a letter about it is told from one of another platform behind the same address; one that is sent again has it already
    const origin = item.isAwaited ? `${item.origin} of ${platformId}` : item.origin;
    return [{ ...item, origin, tags: Object.assign({}, item.tags, tagsOf(message), { platformId }) }];
  }
}

function refuseAbove(rate: ReceiveRate | undefined): void {
  if (!rate || rate.take(performance.now())) return;
  const bound = `messagesPerSecondMax ${rate.perSecond} of the platform`;
  throw new IovError('OVERLOADED', `${bound} reached; the message may be sent again under the same RequestID`);
}

/** Tables 2 and 6, which are alike. */
function credentialsOf(message: JsonObject): { platformId: string; signature: string } {
  const auth = message.Auth;
  const { PlatformID: platformId, SignNature: signature } = isObject(auth) ? auth : {};
  if (typeof platformId === 'string' && typeof signature === 'string') return { platformId, signature };
  const faults: Fault[] = [];
  if (!isObject(auth))
    faults.push({ field: 'Auth', label: '认证信息', rule: 'an object with PlatformID and SignNature' });
  else {
    if (typeof platformId !== 'string') faults.push({ field: 'Auth.PlatformID', label: '平台标识', rule: 'a string' });
    if (typeof signature !== 'string') faults.push({ field: 'Auth.SignNature', label: '签名值', rule: 'a string' });
  }
  throw new IovError('RECORD_INVALID', 'message without a complete Auth', { faults });
}

/** Table 5: 9999 is every operator. */
const EVERY_OPERATOR = '9999';

function refuseForeign(operatorId: unknown, ours: string): void {
  if (operatorId === ours || operatorId === EVERY_OPERATOR) return;
  const fault: Fault = {
    field: 'OperatorID',
    label: '运营商标识',
    rule: `${ours}, or ${EVERY_OPERATOR} for every operator`,
  };
  if (typeof operatorId === 'string') fault.value = operatorId.slice(0, 64);
  throw new IovError('RECORD_INVALID', 'the command is for another operator', { faults: [fault] });
}

/** What later steps need to know of a message: tables 1, 5, 7 and 10 outside their encrypted field. */
function tagsOf(message: JsonObject): Tags {
  const tags: Tags = {};
  if (typeof message.RequestID === 'string') tags.requestId = message.RequestID;
  if (typeof message.Code === 'string') tags.code = message.Code;
  if (typeof message.OperType === 'string') tags.operType = message.OperType;
  // the card of a registration or a vehicle stands inside, encrypted
  if (message.EncryptUserInfo !== undefined || message.EncryptCarInfo !== undefined) return tags;
  const { OperatorID: operatorId, ICCID: iccid } = message;
  // never in the place of a Code, which has been compared with those of the platform
  if (tags.code === undefined && typeof operatorId === 'string' && operatorId !== EVERY_OPERATOR)
    tags.code = operatorId;
  if (typeof iccid === 'string') tags.iccid = iccid;
  return tags;
}
