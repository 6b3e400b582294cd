import { type Static, Type } from 'typebox';

/** A cipher agreed on with a peer ("加密方式另行规定"): interpretation.md, "cipher". */
export const CipherOptions = Type.Object(
  {
    name: Type.Enum(['sm4-cbc', 'sm4-ecb', 'sm4-ctr', 'aes-128-cbc', 'aes-256-cbc', 'aes-128-gcm', 'aes-256-gcm'], {
      default: 'sm4-cbc',
      description: 'Cipher and mode, with PKCS#7 padding where the mode pads; gcm appends its 16-byte tag.',
    }),
    key: Type.String({
      description: 'Hex digits, or a secret that holds them; with `envelope` the key as sealed with SM2.',
      secret: true,
    }),
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
  { additionalProperties: false },
);
export type CipherOptions = Static<typeof CipherOptions>;

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
    cipher: Type.Optional(CipherOptions),
  },
  { additionalProperties: false },
);
export type Peer = Static<typeof PeerOptions>;

/** All peers, by their name in the peers file. */
export type Peers = Readonly<Record<string, Peer>>;
