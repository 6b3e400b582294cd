import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { JsonObject } from '../contract/tags.js';
import { OPERATOR_CODE } from './agreed.js';
import { generator } from './generator.js';
import type { Sent } from './inbox.js';
import { photo } from './photo.js';
import { Random, STREAMS } from './random.js';

/** A command, and the pictures that answer it. */
export interface Asked {
  requestId: string;
  /** Of the car maker who owes the contract. */
  code: string;
  /** Of the registration, under whose RequestID its pictures came. */
  registered: string;
  /** The operator's contract with the car maker; there is none for every third card (`_000`, notice 6.2.3.2 a). */
  ownContracts: Buffer[];
  photos: Buffer[];
  /** The car maker's contract with the owner, page by page. */
  contracts: Buffer[];
}

export interface Made {
  makers: string[];
  /** By RequestID. */
  details: Map<string, Sent>;
  /** Of the first cards. */
  asked: Asked[];
}

/** In blocks of eight pixels: about 30 KB each. */
const PHOTO = { width: 120, height: 160 };
const LETTERS = ['a', 'b', 'c'];

/**
 * People, cars, cards and pictures, written where the pipelines of each role look for them: the car maker's messages, photos and
 * contracts, the operator's card data and contracts, the regulator's commands.
 */
export function make(
  { folder, seed, records, photos }: { folder: string; seed: number; records: number; photos: number },
  done: (records: number) => void,
): Made {
  const source = generator(seed);
  const made: Made = { makers: [], details: new Map(), asked: [] };
  const makers = new Set<string>();
  const lines = { registrations: [] as string[], vehicles: [] as string[], cards: [] as string[] };
  const pictures: string[] = [];
  const commands: string[] = [];
  for (let index = 0; index < records; index += 1) {
    const account = source.registration(index);
    const vehicle = source.vehicle(index);
    makers.add(account.code).add(vehicle.code);
    made.details.set(account.requestId, { kind: 'account', requestId: account.requestId, detail: account.detail });
    made.details.set(vehicle.requestId, { kind: 'vehicle', requestId: vehicle.requestId, detail: vehicle.detail });
    const { operType: OperType, requestId: RequestID, code: Code, detail: EncryptUserInfo } = account;
    lines.registrations.push(line({ OperType, RequestID, Code, EncryptUserInfo }));
    lines.vehicles.push(line({ RequestID: vehicle.requestId, Code: vehicle.code, EncryptCarInfo: vehicle.detail }));
    lines.cards.push(line(source.card(index)));
    if (index < photos) {
      const ICCID = String(account.detail.ICCID);
      const asked = pictured(folder, ICCID, new Random(seed, STREAMS.photo, index), index);
      const requestId = `CMD-${String(index + 1).padStart(6, '0')}`;
      made.asked.push({ ...asked, requestId, code: Code, registered: RequestID });
      pictures.push(line({ RequestID, Code, ICCID }));
      // one in ten is for all operators (table 5)
      commands.push(line({ RequestID: requestId, OperatorID: index % 10 === 9 ? '9999' : OPERATOR_CODE, ICCID }));
    }
    done(index + 1);
  }
  write(folder, 'oem/registrations.ndjson', lines.registrations.join(''));
  write(folder, 'oem/vehicles.ndjson', lines.vehicles.join(''));
  write(folder, 'oem/pictures.ndjson', pictures.join(''));
  write(folder, 'operator/cards.ndjson', lines.cards.join(''));
  write(folder, 'regulator/commands.ndjson', commands.join(''));
  return { ...made, makers: [...makers] };
}

function pictured(folder: string, iccid: string, random: Random, index: number) {
  const pages = (count: number) => Array.from({ length: count }, () => photo(random, PHOTO.width, PHOTO.height));
  const own = { photos: pages(2), contracts: pages(1 + (index % 3)), ownContracts: pages(index % 3 === 2 ? 0 : 1) };
  const put = (role: string, pictures: readonly Buffer[]) => {
    for (const [page, picture] of pictures.entries()) write(folder, `${role}/${iccid}/${LETTERS[page]}.jpg`, picture);
  };
  put('oem/photos', own.photos);
  put('oem/contracts', own.contracts);
  put('operator/contracts', own.ownContracts);
  return own;
}

const line = (value: JsonObject) => `${JSON.stringify(value)}\n`;

function write(folder: string, name: string, content: string | Buffer): void {
  const path = join(folder, name);
  mkdirSync(join(path, '..'), { recursive: true, mode: 0o700 });
  writeFileSync(path, content, { mode: 0o600 });
}
