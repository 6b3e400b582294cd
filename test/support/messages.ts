import type { Peer } from '../../contract/peer.js';
import type { JsonObject } from '../../contract/tags.js';
import { createCipher } from '../../crypto/cipher.js';
import { signNature } from '../../notice/signature.js';

/** A car maker with everything agreed on. */
export const maker: Peer = {
  platformId: 'OEM-1',
  password: 'correct horse',
  codes: ['WBA0'],
  cipher: { name: 'sm4-cbc', key: '0123456789abcdeffedcba9876543210', iv: 'prefix', encoding: 'base64' },
};

/** A record of table 8 that has everything it must. */
export const registration: JsonObject = {
  MSISDN: '1440012345678',
  ICCID: '89860012345678901234',
  VehicleStatus: '4',
  AcceptTime: '20221115093000',
  CustomerType: '1',
  CustomerName: '张三',
  CustomerCertType: '1',
  CustomerCertNumber: '11010519491231002X',
  CustomerCertAddress: '北京市朝阳区',
  CustomerCertDate: '20301231',
};

/** Of the card with this number. */
export const iccidOf = (number: number): string => String(89860000000000000000n + BigInt(number));

/** A message of table 7 from the maker; `changes` replaces fields, undefined removes them. */
export function accountMessage(
  requestId: string,
  changes: JsonObject = {},
  record: JsonObject = registration,
): JsonObject {
  const message: JsonObject = {
    OperType: '1',
    Auth: { PlatformID: maker.platformId, SignNature: signNature(maker.platformId, maker.password) },
    RequestID: requestId,
    Code: 'WBA0',
    EncryptUserInfo: createCipher(maker.cipher!).encryptText(JSON.stringify(record)),
    ...changes,
  };
  for (const [name, value] of Object.entries(message)) if (value === undefined) delete message[name];
  return message;
}
