import type { CipherOptions } from '../contract/peer.js';
import type { JsonObject } from '../contract/tags.js';
import { createCipher } from '../crypto/cipher.js';
import { generator } from '../demo/generator.js';
import { compileSerializer } from '../notice/serializer.js';
import { signNature } from '../notice/signature.js';
import { tableOf } from '../notice/tables/index.js';

/** Distinct records; beyond them they come again, which deflate cannot notice over its window of 32 KB. */
const DISTINCT = 20_000;
/** Several megabytes of text, a hundred times what deflate looks back; more would only be memory that is not the pipeline's. */
const BODIES = 4_000;
const SEED = 2022;

/** Ordered table-12 records of about 1.9 KB, encoded. */
export function encodedRecords(): Uint8Array[] {
  const source = generator(SEED);
  const serialize = compileSerializer(tableOf(12));
  return Array.from({ length: DISTINCT }, (_, index) => serialize(source.record(index)));
}

const CIPHER: CipherOptions = {
  name: 'sm4-cbc',
  key: '0123456789abcdeffedcba9876543210',
  iv: 'prefix',
  encoding: 'base64',
};
const CODES = ['WBA0', 'LSV1', 'LFV2'];

export const OEM = { platformId: 'OEM-BENCH', password: 'bench-password', codes: CODES, cipher: CIPHER };

/** Bodies of `POST /t1/account`, signed and encrypted. */
export function accountBodies(count = BODIES): Uint8Array[] {
  const source = generator(SEED);
  const cipher = createCipher(OEM.cipher);
  const Auth = { PlatformID: OEM.platformId, SignNature: signNature(OEM.platformId, OEM.password) };
  return Array.from({ length: count }, (_, index) => {
    const { operType: OperType, requestId: RequestID, detail } = source.registration(index);
    const Code = CODES[index % CODES.length];
    const body: JsonObject = {
      OperType,
      Auth,
      RequestID,
      Code,
      EncryptUserInfo: cipher.encryptText(JSON.stringify(detail)),
    };
    return Buffer.from(JSON.stringify(body));
  });
}
