import { spec as httpsConnection } from '../connections/https.js';
import { spec as kafkaConnection } from '../connections/kafka.js';
import { spec as lanesConnection } from '../connections/lanes.js';
import { spec as sftpConnection } from '../connections/sftp.js';
import type { ComponentSpec, ConnectionSpec, OperatorSpec, SinkSpec, SourceSpec } from '../contract/component.js';
import { spec as authenticate } from '../operators/authenticate.js';
import { spec as collect } from '../operators/collect.js';
import { spec as decrypt } from '../operators/decrypt.js';
import { spec as encrypt } from '../operators/encrypt.js';
import { spec as encryptField } from '../operators/encryptField.js';
import { spec as expect } from '../operators/expect.js';
import { spec as findCard } from '../operators/findCard.js';
import { spec as join } from '../operators/join.js';
import { spec as lanes } from '../operators/lanes.js';
import { spec as limitCards } from '../operators/limitCards.js';
import { spec as map } from '../operators/map.js';
import { spec as order } from '../operators/order.js';
import { spec as sample } from '../operators/sample.js';
import { spec as sign } from '../operators/sign.js';
import { spec as split } from '../operators/split.js';
import { spec as tie } from '../operators/tie.js';
import { spec as validate } from '../operators/validate.js';
import { spec as verify } from '../operators/verify.js';
import { spec as zip } from '../operators/zip.js';
import { spec as archiveSink } from '../sinks/archive.js';
import { spec as directorySink } from '../sinks/directory.js';
import { spec as discardSink } from '../sinks/discard.js';
import { spec as httpsSink } from '../sinks/https.js';
import { spec as kafkaSink } from '../sinks/kafka.js';
import { spec as receivedSink } from '../sinks/received.js';
import { spec as requestsSink } from '../sinks/requests.js';
import { spec as sftpSink } from '../sinks/sftp.js';
import { spec as archiveSource } from '../sources/archive.js';
import { spec as directoryWatch } from '../sources/directoryWatch.js';
import { spec as dueFilesSource } from '../sources/dueFiles.js';
import { spec as fileSource } from '../sources/file.js';
import { spec as httpsSource } from '../sources/https.js';
import { spec as kafkaSource } from '../sources/kafka.js';
import { spec as sftpServerSource } from '../sources/sftpServer.js';
import { spec as sftpWatch } from '../sources/sftpWatch.js';

interface SpecOf {
  source: SourceSpec;
  operator: OperatorSpec;
  sink: SinkSpec;
  connection: ConnectionSpec;
}
export type Role = keyof SpecOf;

/** Every component, in the order in which `iovpipe list` shows them. The only list of components. */
export const components: readonly ComponentSpec[] = [
  fileSource,
  httpsSource,
  kafkaSource,
  archiveSource,
  dueFilesSource,
  sftpServerSource,
  directoryWatch,
  sftpWatch,
  authenticate,
  decrypt,
  validate,
  map,
  limitCards,
  sample,
  join,
  findCard,
  expect,
  order,
  split,
  lanes,
  collect,
  zip,
  encrypt,
  verify,
  tie,
  encryptField,
  sign,
  archiveSink,
  requestsSink,
  receivedSink,
  httpsSink,
  kafkaSink,
  sftpSink,
  directorySink,
  discardSink,
  httpsConnection,
  kafkaConnection,
  lanesConnection,
  sftpConnection,
];

export const ROLES: readonly Role[] = ['source', 'operator', 'sink', 'connection'];

export function componentsOf<Name extends Role>(role: Name): SpecOf[Name][] {
  return components.filter((spec): spec is SpecOf[Name] & ComponentSpec => spec.role === role);
}

export function component<Name extends Role>(role: Name, name: string): SpecOf[Name] | undefined {
  return componentsOf(role).find((spec) => spec.name === name);
}
