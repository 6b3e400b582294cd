import type { Transaction } from '../../contract/store.js';
import type { Archive } from './archive.js';
import type { Cards } from './cards.js';
import type { DeadLetters } from './deadLetters.js';
import type { DueFiles } from './dueFiles.js';
import type { Files } from './files.js';
import type { ReceivedFiles } from './received.js';
import type { Requests } from './requests.js';
import type { SampleRows } from './samples.js';
import type { Frame } from './transactions.js';
import type { Windows } from './windows.js';

export interface TransactionParts {
  requests: Requests;
  archive: Archive;
  cards: Cards;
  deadLetters: DeadLetters;
  windows: Windows;
  files: Files;
  dueFiles: DueFiles;
  samples: SampleRows;
  received: ReceivedFiles;
}

/** What effects may ask and change; every time it sets is that of the transaction. */
export function transactionOf(parts: TransactionParts, { id, now, acceptedAt, afterwards }: Frame): Transaction {
  return {
    get id() {
      return id();
    },
    request: (platformId, requestId) => parts.requests.get(platformId, requestId),
    rememberRequest: (request) => parts.requests.remember(request, acceptedAt()),
    append: (record) => parts.archive.append(record, acceptedAt()),
    card: (iccid) => parts.cards.get(iccid),
    putCardSide: (iccid, side, content) => parts.cards.putSide(iccid, side, content, acceptedAt()),
    cardsOf: (person, exceptIccid) => parts.cards.ofPerson(person, exceptIccid),
    addDeadLetter: (letter) => parts.deadLetters.add(letter, acceptedAt()),
    deadLetterRetried: (id) => parts.deadLetters.retried(id),
    deadLetterMoved: (letter) => parts.deadLetters.moved(letter),
    deadLetterMended: (pipeline, origin) => parts.deadLetters.mended(pipeline, origin),
    setPosition: (pipeline, source, position) => parts.windows.setPosition(pipeline, source, position),
    positionGone: (pipeline, source, isGone) =>
      parts.windows.positionGone(pipeline, source, isGone ? now() : undefined),
    planFile: (file) => parts.files.plan(file, acceptedAt()),
    // deadlines go by the clock as it is, and not by that of the archive, which never goes back
    addDueFile: (file) => parts.dueFiles.add(file, now()),
    dueFileAsked: (name) => parts.dueFiles.asked(name, now()),
    dueFileDelivered: (name) => parts.dueFiles.delivered(name, now()),
    dueFileFailed: (name, reason, final) => parts.dueFiles.failed(name, reason, final, now()),
    addSample: (sample) => parts.samples.add(sample, acceptedAt()),
    receiveFile: (file) => parts.received.receive(file),
    loadRecords: (file, from, records) => parts.received.load(file, from, records, acceptedAt()),
    afterwards,
  };
}
