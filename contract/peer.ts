import { type Static, Type } from './schema.js';

const Hash = (description: string) =>
  Type.Union([Type.Literal('sha1'), Type.Literal('sha256'), Type.Literal('sha384'), Type.Literal('sha512')], {
    default: 'sha256',
    description,
  });

/** RSA on blocks, as some gateways have it: 62 bytes of text become 128 with RSA-1024 and SHA-256. */
const RsaOptions = Type.Object(
  {
    publicKey: Type.Optional(
      Type.String({
        minLength: 1,
        description: `The peer’s key, which encrypts what we send: PEM (\`\${file:peer.pem}\`), or base64 of its DER.`,
      }),
    ),
    privateKey: Type.Optional(
      Type.String({
        minLength: 1,
        secret: true,
        description: 'Our key, which decrypts what the peer sends: PEM, or base64 of its DER (PKCS#8).',
      }),
    ),
    oaepHash: Hash('Hash of OAEP.'),
    mgf1Hash: Hash('Hash of its MGF1. Java means sha1 by `OAEPWithSHA-256AndMGF1Padding`, unless told otherwise.'),
    blocksMax: Type.Integer({
      default: 1_000,
      minimum: 1,
      maximum: 100_000,
      description: 'Blocks of one encrypted field that are decrypted; each costs as much as a signature.',
    }),
  },
  { additionalProperties: false, description: 'For rsa-oaep: keys of 1,024 bits or more, and the hashes agreed on.' },
);
export type RsaOptions = Static<typeof RsaOptions>;

/** A cipher agreed on with a peer ("加密方式另行规定"): interpretation.md, "cipher". */
export const CipherOptions = Type.Object(
  {
    name: Type.Enum(
      ['sm4-cbc', 'sm4-ecb', 'sm4-ctr', 'aes-128-cbc', 'aes-256-cbc', 'aes-128-gcm', 'aes-256-gcm', 'rsa-oaep'],
      {
        default: 'sm4-cbc',
        description:
          'Cipher and mode, with PKCS#7 padding where the mode pads; gcm appends its 16-byte tag. `rsa-oaep`: RSA, block by block, with the keys of `rsa`.',
      },
    ),
    key: Type.String({
      default: '',
      description:
        'Hex digits, or a secret that holds them; with `envelope` the key as sealed with SM2. Every cipher but rsa-oaep needs one.',
      secret: true,
    }),
    rsa: Type.Optional(RsaOptions),
    envelope: Type.Optional(
      Type.Object(
        {
          privateKey: Type.String({
            description: '64 hex digits, or a secret that holds them.',
            pattern: '^[0-9a-fA-F]{64}$',
            secret: true,
          }),
        },
        {
          additionalProperties: false,
          description:
            'For a key that came sealed: the SM2 private key that opens it (ciphertext C1C3C2 in hex, with or without its leading `04`).',
        },
      ),
    ),
    iv: Type.Union([Type.Literal('prefix'), Type.Literal('fixed')], {
      default: 'prefix',
      description:
        '`prefix`: a random IV in front of the ciphertext. `fixed`: `fixedIv`, for a peer that insists; with ctr or gcm that gives content away.',
    }),
    fixedIv: Type.Optional(
      Type.String({ description: 'Hex digits; only with `iv: fixed`.', pattern: '^([0-9a-fA-F]{2})+$' }),
    ),
    encoding: Type.Union([Type.Literal('base64'), Type.Literal('hex')], {
      default: 'base64',
      description: 'How ciphertext is written in a JSON field; files are always raw bytes.',
    }),
  },
  {
    additionalProperties: false,
    description: 'The cipher agreed on with the peer, for encrypted fields and for files.',
  },
);
export type CipherOptions = Static<typeof CipherOptions>;

const Name = (description: string) =>
  Type.String({
    pattern: '^[A-Za-z_][A-Za-z0-9_-]{0,63}$',
    expected: 'a field name of letters, digits, _ and -',
    description,
  });
const Result = (more: { description?: string } = {}) =>
  Type.Union([Type.String({ maxLength: 64 }), Type.Integer(), Type.Boolean()], {
    expected: 'a text, a whole number, true or false',
    ...more,
  });

/** How a peer departs from the notice; what it does not name is as the notice has it. */
export const DialectOptions = Type.Object(
  {
    fields: Type.Record(Name('Name in the notice.'), Name('Name at the peer.'), {
      default: {},
      additionalProperties: false,
      maxProperties: 200,
      keys: 'names of fields',
      description:
        'The notice’s name of a field to the peer’s: of messages (tables 1, 5, 7, 10), of Auth, and of the records inside (tables 8, 11). Both ways.',
      examples: [{ NameVehicleEnterprise: 'VehicleOrgName' }],
    }),
    cards: Type.Optional(
      Type.Object(
        {
          list: Name('The peer’s field that holds the list, in the record (tables 8, 11).'),
          fields: Type.Array(Name('Name in the notice.'), {
            minItems: 1,
            maxItems: 50,
            uniqueItems: true,
            description: 'The fields that each entry holds, by the notice’s names.',
            examples: [['MSISDN', 'ICCID']],
          }),
          max: Type.Integer({ default: 100, minimum: 1, maximum: 10_000, description: 'Cards of one message.' }),
        },
        {
          additionalProperties: false,
          description:
            'For a peer that lists the cards of a message. Each card it sends becomes a record of its own, answered together; what we send has a list of one.',
        },
      ),
    ),
    reply: Type.Optional(
      Type.Object(
        {
          result: Name('Field that says whether it went well, instead of OprRst.'),
          cause: Name('Field that says why not, instead of FailureCause.'),
          requestId: Type.Optional(Name('Field that repeats the RequestID, where there is one.')),
          success: Type.Array(Result(), {
            minItems: 1,
            maxItems: 20,
            expected: 'a list of values that mean success',
            description: 'Values of `result` that mean success. The first is the one we write.',
            examples: [['200']],
          }),
          again: Type.Array(Result(), {
            default: ['604'],
            maxItems: 20,
            expected: 'a list of values that ask us to come again',
            description: 'Values of `result` that ask us to come again, as 604 of table 4 does.',
          }),
          failure: Type.Optional(
            Result({
              description:
                'What we write into `result` where a message failed. By default the code of table 4, and 400 where the cause is plain text.',
            }),
          ),
        },
        {
          additionalProperties: false,
          description: 'The peer’s answers, and ours to it, instead of tables 3 and 9.',
          examples: [{ result: 'Code', cause: 'Message', success: ['200'] }],
        },
      ),
    ),
    signature: Type.Union([Type.Literal('lower'), Type.Literal('upper')], {
      default: 'lower',
      description: 'Letters of the SignNature that we send; what comes is taken in either case.',
    }),
  },
  {
    additionalProperties: false,
    description: 'Where the peer departs from the notice: names of fields, lists of cards, answers, signature.',
  },
);
export type DialectOptions = Static<typeof DialectOptions>;

/** Somebody at the other end. */
export const PeerOptions = Type.Object(
  {
    platformId: Type.String({ minLength: 1, maxLength: 64, description: 'PlatformID (tables 2 and 6).' }),
    password: Type.String({
      minLength: 1,
      maxLength: 256,
      description: 'The password whose SM3 with the PlatformID is SignNature.',
      secret: true,
    }),
    codes: Type.Array(Type.String({ minLength: 1, maxLength: 64 }), {
      default: [],
      description: 'Codes that the platform may speak for (table 7 and 10: Code).',
    }),
    messagesPerSecondMax: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 100_000,
        description:
          'Signed messages a second that are taken from the platform over HTTPS, on all channels of a process together; after a pause a second’s worth at once. More are answered 604, to be sent again. Without it there is no limit.',
      }),
    ),
    cipher: Type.Optional(CipherOptions),
    dialect: Type.Optional(DialectOptions),
  },
  { additionalProperties: false },
);
export type Peer = Static<typeof PeerOptions>;

/** All peers, by their name in the peers file. */
export type Peers = Readonly<Record<string, Peer>>;
