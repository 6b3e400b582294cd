import type { JsonObject } from '../contract/tags.js';
import { cutoffMs, timestampOf } from '../notice/cutoff.js';
import { mergeRegistration } from '../notice/registration.js';
import { buyersOf, cardFields, cardNumbers } from './cards.js';
import { cities, streetAddress } from './cities.js';
import { company } from './companies.js';
import { person } from './people.js';
import { Random, STREAMS } from './random.js';
import { type Maker, makers, plate, vehicleFields } from './vehicles.js';

/** An account message before it is encrypted: what table 7 says, and the table-8 record inside. */
export interface Registration {
  requestId: string;
  /** Car maker (A.6). */
  code: string;
  /** A.2. */
  operType: string;
  detail: JsonObject;
}

/** A vehicle message before it is encrypted: what table 10 says, and the table-11 record inside. */
export interface Vehicle {
  requestId: string;
  code: string;
  detail: JsonObject;
}

/** Registrations of one day; number `index` is the same whoever asked for what before. Indexes: 0 to 1,999,999. */
export interface Generator {
  registration(index: number): Registration;
  /** The car in which the card of this registration is. */
  vehicle(index: number): Vehicle;
  /** What the operator knows of the card: its fields of table 12. */
  card(index: number): JsonObject;
  /** Both together: a whole record of table 12, 1.9 KB on average. */
  record(index: number): JsonObject;
}

/**
 * People, companies, cars and cards that do not exist, with valid check digits. Four in five cars go to individuals, one in
 * fourteen of those through an agent; of forty cars four belong to one owner, each other to another.
 * @param dayMs midnight of the day on which the registrations are made
 */
export function generator(seed: number, dayMs: number = cutoffMs('2026111500')): Generator {
  const registration = (index: number) => registrationOf(seed, dayMs, index);
  const buyers = new Map(makers.map((maker) => [maker, buyersOf(seed, maker, dayMs)]));
  const card = (index: number) => cardFields(seed, index, makerOf(index), buyers.get(makerOf(index))!, dayMs);
  return {
    registration,
    vehicle: (index) => vehicleOf(seed, dayMs, index),
    card,
    record(index) {
      const { detail, operType } = registration(index);
      return mergeRegistration(detail, card(index), operType);
    },
  };
}

const makerOf = (index: number): Maker => makers[index % makers.length]!;

/** Of forty cars the last three belong to one who owns another of the forty already. */
function ownerOf(index: number): number {
  const place = index % 40;
  return place < 37 ? index : index - place + (Math.floor(index / 40) % 37);
}

// Each owner has a number of his own for himself, his agent, and the one responsible in his company.
const customer = (index: number) => ownerOf(index) * 3;
const agent = (index: number) => ownerOf(index) * 3 + 1;
const responsible = (index: number) => ownerOf(index) * 3 + 2;

/** 开户 of a car sold (93 %), 过户 of one transferred (4 %), 变更: A.2 and the state of the vehicle. */
function operationOf(random: Random): { operType: string; vehicleStatus: string } {
  const part = random.integer(1, 100);
  if (part <= 93) return { operType: '1', vehicleStatus: '4' };
  return part <= 97 ? { operType: '3', vehicleStatus: '5' } : { operType: '5', vehicleStatus: '4' };
}

/** When the car was sold and when the registration was accepted: one after the other, between 8:00 and 15:30. */
function timesOf(random: Random, dayMs: number): { soldMs: number; acceptedMs: number } {
  const soldMs = dayMs + random.integer(8 * 3600, 14 * 3600) * 1000;
  return { soldMs, acceptedMs: soldMs + random.integer(300, 5400) * 1000 };
}

/** `WBA0-R1Z-17`: maker, kind and seed, index; letters, digits and hyphens only, for it becomes part of file names. */
function requestIdOf(kind: 'R' | 'V', seed: number, index: number): string {
  return `${makerOf(index).code}-${kind}${(seed >>> 0).toString(36).toUpperCase()}-${index}`;
}

function registrationOf(seed: number, dayMs: number, index: number): Registration {
  const random = new Random(seed, STREAMS.registration, index);
  const { soldMs, acceptedMs } = timesOf(random, dayMs);
  const { operType, vehicleStatus } = operationOf(random);
  const { MSISDN, ICCID } = cardNumbers(seed, index);
  const detail = {
    MSISDN,
    ICCID,
    VehicleStatus: vehicleStatus,
    StatusUpdateTime: timestampOf(soldMs),
    AcceptTime: timestampOf(acceptedMs),
    ...ownerFields(seed, dayMs, index),
    PhoName: `${ICCID}xcz.zip`,
    ...(random.chance(0.1) && { ExtendPara: { SalesOrder: `SO${random.digits(10)}` } }),
  };
  return { requestId: requestIdOf('R', seed, index), code: makerOf(index).code, operType, detail };
}

/** Fields 6 to 29 of table 8; the same for every car of an owner. */
function ownerFields(seed: number, dayMs: number, index: number): JsonObject {
  const random = new Random(seed, STREAMS.company, ownerOf(index));
  if (random.chance(0.2)) return companyFields(seed, dayMs, index);
  const byAgent = random.chance(0.07);
  return {
    CustomerType: '1',
    ...customerFields(seed, customer(index), dayMs),
    ...(byAgent && agentFields(seed, agent(index), dayMs)),
  };
}

function customerFields(seed: number, number: number, dayMs: number): JsonObject {
  const who = person(seed, number, dayMs);
  return {
    CustomerName: who.name,
    CustomerCertType: who.certType,
    CustomerCertNumber: who.certNumber,
    CustomerCertAddress: who.certAddress,
    CustomerCertDate: who.certDate,
    ...(who.posterAddress && { CustomerPosterAddress: who.posterAddress }),
  };
}

/** Article 9 (3): a company's cards are registered in the name of the one responsible. */
function companyFields(seed: number, dayMs: number, index: number): JsonObject {
  const firm = company(seed, ownerOf(index));
  const who = person(seed, responsible(index), dayMs);
  return {
    CustomerType: '2',
    ...customerFields(seed, responsible(index), dayMs),
    CompanyName: firm.name,
    CompanyCertType: firm.certType,
    CompanyCertNumber: firm.certNumber,
    CompanyCertAddress: firm.certAddress,
    CompanyPosterAddress: firm.posterAddress,
    CorporationName: who.name,
    CorporationCertType: who.certType,
    CorporationCertNumber: who.certNumber,
    CorporationCertAddress: who.certAddress,
    ...(who.posterAddress && { CorporationPosterAddress: who.posterAddress }),
    CorporationTelephone: who.telephone,
  };
}

function agentFields(seed: number, number: number, dayMs: number): JsonObject {
  const who = person(seed, number, dayMs);
  return {
    OperatorName: who.name,
    OperatorCertType: who.certType,
    OperatorCertNumber: who.certNumber,
    OperatorCertAddress: who.certAddress,
    ...(who.posterAddress && { OperatorPosterAddress: who.posterAddress }),
    OperatorTelephone: who.telephone,
  };
}

const SHOPS = ['旗舰', '城东', '城西', '高新', '滨江', '机场路'];

function vehicleOf(seed: number, dayMs: number, index: number): Vehicle {
  // The same first draws as the registration's, so that both tell of the same sale.
  const { soldMs, acceptedMs } = timesOf(new Random(seed, STREAMS.registration, index), dayMs);
  const random = new Random(seed, STREAMS.vehicle, index);
  const maker = makerOf(index);
  const city = random.pick(cities);
  const { MSISDN, ICCID } = cardNumbers(seed, index);
  const madeMs = soldMs - random.integer(20, 200) * 86_400_000;
  const car = vehicleFields(random, maker, index, Number(timestampOf(madeMs).slice(0, 4)));
  const detail = {
    MSISDN,
    ICCID,
    ...car,
    VehicleDepartureTime: timestampOf(madeMs).slice(0, 8),
    VehicleSalesTime: timestampOf(soldMs),
    ...(random.chance(0.05) && { VehicleSalesUpdateTime: timestampOf(acceptedMs) }),
    ...(random.chance(0.6) && { LicensePlateNumber: plate(random, city, car.FuelType!) }),
    VehicleChannelName: random.chance(0.7)
      ? `${city.name.slice(0, -1)}${random.pick(SHOPS)}${maker.brand.slice(0, 2)}4S店`
      : `${maker.brand.slice(0, 2)}${city.name.slice(0, -1)}直营店`,
    VehicleStaffName: person(seed, 18_100_000 + random.integer(0, 499), dayMs).name,
    VehicleLogginAddress: streetAddress(random, city, random.pick(city.districts).name),
  };
  return { requestId: requestIdOf('V', seed, index), code: maker.code, detail };
}
