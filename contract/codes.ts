/** What an error code means: why it comes, what to do, whether the same attempt may succeed later. */
export interface CodeEntry {
  cause: string;
  remedy: string;
  retryable: boolean;
  /** The bare code of table 4, or Chinese text, that a peer is told. */
  failureCause?: string;
}

const entries = {
  CONFIG_INVALID: {
    cause: 'The pipeline file has faults.',
    remedy: 'Mend each place the message names; `iovpipe check FILE` lists them all.',
    retryable: false,
  },
  CONFIG_UNREADABLE: {
    cause: 'A pipeline file, an included file or a secret cannot be read.',
    remedy:
      'Check the path and the permissions; secrets are looked up in $CREDENTIALS_DIRECTORY, then in the folder `secrets` beside the pipeline file.',
    retryable: false,
  },
  USAGE: { cause: 'The command line is wrong.', remedy: '`iovpipe help` shows each command.', retryable: false },
  INTERNAL: {
    cause: 'An unexpected error inside iovpipe.',
    remedy: 'Report it with the log; the item was not acknowledged, so its sender will try again.',
    retryable: true,
    failureCause: '604',
  },
  STOPPED: {
    cause: 'iovpipe was stopped before the item arrived.',
    remedy: 'None: the item is taken up again at the next start.',
    retryable: true,
    failureCause: '604',
  },
  MESSAGE_NOT_JSON: {
    cause: 'A body or a line is not one JSON object in UTF-8, or holds a key twice or a forbidden key.',
    remedy: 'Send one JSON object, each key once.',
    retryable: false,
    failureCause: '400',
  },
  MESSAGE_TOO_LARGE: {
    cause: 'A body, a line or a record is above its bound.',
    remedy: 'Send less, or raise the bound (`bodyBytesMax`, `lineBytesMax`, `bytesMax`).',
    retryable: false,
    failureCause: '400',
  },
  MESSAGE_TOO_SLOW: {
    cause: 'The headers or the body of a message did not come in time.',
    remedy: 'Send faster, or raise the bound (`headersTimeoutMs`, `bodyTimeoutMs`).',
    retryable: true,
    failureCause: '400',
  },
  MESSAGE_NOT_HTTP: {
    cause: 'What came is not an HTTP/1.1 request, or its headers are above their bound.',
    remedy: 'Send an HTTPS POST as the notice prescribes.',
    retryable: false,
    failureCause: '400',
  },
  METHOD_NOT_ALLOWED: {
    cause: 'A channel was called with another method than POST.',
    remedy: 'Use POST (table 4: 405).',
    retryable: false,
    failureCause: '405',
  },
  PATH_UNKNOWN: {
    cause: 'No pipeline listens on that path.',
    remedy: 'Compare the path with the `path` options of the https sources.',
    retryable: false,
    failureCause: '400',
  },
  UNAUTHORIZED: {
    cause: 'Unknown platform, wrong signature, or a Code this platform may not speak for.',
    remedy: 'Compare PlatformID, password and `codes` in the peers file (table 4: 401).',
    retryable: false,
    failureCause: '401',
  },
  UNDECRYPTABLE: {
    cause: 'An encrypted field or file cannot be decrypted with the key agreed on.',
    remedy: 'Compare cipher, key, IV mode and encoding with the peer.',
    retryable: false,
    failureCause: '400',
  },
  RECORD_INVALID: {
    cause: 'A record breaks rules of its table.',
    remedy: 'Mend the fields that the faults name, and send again.',
    retryable: false,
    failureCause: '400',
  },
  REQUEST_REUSED: {
    cause: 'A RequestID came again with different content.',
    remedy: 'Use a new RequestID for new content.',
    retryable: false,
    failureCause: '400',
  },
  NO_RECORD: {
    cause: 'The card is not known here.',
    remedy: 'Check the ICCID (table 4: 501).',
    retryable: false,
    failureCause: '501',
  },
  NO_PICTURES: {
    cause: 'None of the configured places holds a picture of the card.',
    remedy: 'Put the pictures where `collect` looks for them, or mend its places.',
    retryable: false,
    failureCause: '501',
  },
  ALBUM_INVALID: {
    cause: 'A picture is empty, is none, or is above its bound; or there are too many for one album.',
    remedy: 'Mend or remove the picture that the message names; `faulty: skip` leaves such pictures out.',
    retryable: false,
    failureCause: '604',
  },
  CARD_LIMIT: {
    cause: 'The person holds the greatest number of cards allowed at this operator (article 11).',
    remedy: 'The user goes to the designated hall; a reviewer finds the record among the dead letters.',
    retryable: false,
    failureCause: '一证多卡超过上限，请用户到电信企业指定营业厅办理',
  },
  COMMAND_EXPIRED: {
    cause: 'A file that a command asked for was not there within its time (7.1.2: six hours).',
    remedy: '`iovpipe trace` tells why; mend that and `iovpipe dead retry` it: a late file still counts as delivered.',
    retryable: false,
  },
  CARD_CHANGED: {
    cause:
      'The other side of a card changed while a record of it was on its way: another process writes the same archive.',
    remedy: 'None: the item is taken up again, and finds the new state.',
    retryable: true,
    failureCause: '604',
  },
  CARDS_ELSEWHERE: {
    cause:
      'The state by card in ClickHouse (`archive.clickhouse.cards`) is not what this machine’s ledger holds: another machine has taken it over, or the ledger is an old copy.',
    remedy:
      'None where the other machine is to keep it. To take it over here: stop the daemon there, move the ledger (`archive.clickhouse.ledger`) with the files beside it away, and start.',
    retryable: true, // what is under way has not been handled: whoever owns the state now takes it up
    failureCause: '604',
  },
  REFUSED_BY_PEER: {
    cause: 'The peer answered OprRst 2.',
    remedy: 'Read its FailureCause, mend the record, and `iovpipe dead retry` it.',
    retryable: false,
  },
  PEER_UNREACHABLE: {
    cause: 'The peer did not answer, or not in time.',
    remedy: 'None at first: it is tried again with back-off. Check the network if it stays.',
    retryable: true,
  },
  PEER_PROTOCOL: {
    cause: 'The peer answered something that is not an answer of the notice.',
    remedy: 'Check the address and the dialect of the peer.',
    retryable: false,
  },
  KAFKA_UNREACHABLE: {
    cause: 'No broker of the Kafka cluster answers, or not in time.',
    remedy: 'None at first: it is tried again with back-off. Check brokers and network if it stays.',
    retryable: true,
    failureCause: '604',
  },
  KAFKA_REFUSED: {
    cause: 'Kafka refuses: no such topic, no permission, wrong login or certificate.',
    remedy: 'Create the topic, or mend login or permission; until then it is tried again with back-off.',
    retryable: true,
    failureCause: '604',
  },
  KAFKA_OVERTAKEN: {
    cause:
      'What this process was about to commit is no longer its own: its partitions have gone to another one, or its transaction had taken too long and was ended by the broker.',
    remedy:
      'None: nothing of it counts, and it is read again by whoever has the partitions. If it stays, raise `sessionTimeoutMs` of the source or `timeoutMs` of `transactions`.',
    retryable: true,
    failureCause: '604',
  },
  SFTP_UNREACHABLE: {
    cause: 'The SFTP server cannot be reached, or the connection broke.',
    remedy: 'None at first: it is tried again with back-off.',
    retryable: true,
  },
  SFTP_TIMEOUT: {
    cause: 'An SFTP operation passed its deadline.',
    remedy: 'None at first: the connection is replaced and the file taken up again.',
    retryable: true,
  },
  SFTP_FAILED: {
    cause:
      'The SFTP server failed at something it may manage later: disk full, quota, too many open files, a file that did not keep its size.',
    remedy: 'None at first: it is tried again with back-off. Look at the server if it stays.',
    retryable: true,
  },
  SFTP_REFUSED: {
    cause: 'The SFTP server refuses for good: no such directory, no permission, wrong key, wrong host key.',
    remedy: 'Mend directory, permission or key; the file waits in the outbox.',
    retryable: false,
  },
  LANE_LOST: {
    cause: 'The lane of a file went to another process of the cluster, or its lease could not be renewed.',
    remedy: 'None: whoever holds the lane delivers the file. Check Kafka and the network if it stays.',
    retryable: true,
  },
  WINDOW_UNFINISHED: {
    cause: 'A part of a window is delivered by other processes of the cluster, and has not all arrived yet.',
    remedy: 'None: it is looked at again until everything of it has been delivered.',
    retryable: true,
  },
  FILE_UNREADABLE: {
    cause: 'A local file cannot be read or written.',
    remedy: 'Check the path, the permissions and the free space.',
    retryable: true,
  },
  FILE_INVALID: {
    cause: 'A received file breaks a rule of the notice.',
    remedy: 'Tell its sender what the message says.',
    retryable: false,
  },
  SEQUENCE_EXHAUSTED: {
    cause: 'A window needs more files than a six-digit sequence can number.',
    remedy: 'Raise `bytesMax` (at most 100,000,000), or export more often.',
    retryable: false,
  },
  WINDOW_CONFLICT: {
    cause: 'A window cannot be opened: its end is in the future, or it is not what was planned under its name.',
    remedy: 'Choose an earlier cut-off, or restore what was configured when the window was planned.',
    retryable: false,
  },
  WINDOW_COVERED: {
    cause: 'A daily window cannot be opened: a later one of its kind and code has been planned, and holds its records.',
    remedy: 'None for a schedule, which goes on with the next. By hand: choose a later cut-off.',
    retryable: false,
  },
  STORE_FAILED: {
    cause: 'The archive or the outbox cannot be written: disk full, file damaged, or locked.',
    remedy: 'Free space or mend the disk; nothing was acknowledged.',
    retryable: true,
    failureCause: '604',
  },
  SCHEMA_MISMATCH: {
    cause: 'The archive in ClickHouse has another schema than this program, or no tables yet.',
    remedy: '`iovpipe migrate` brings an older one up to date; a newer one needs the newer program.',
    retryable: false,
  },
  COMPONENT_UNAVAILABLE: {
    cause: 'A component needs something that is not installed here.',
    remedy: 'Install what the message names.',
    retryable: false,
  },
  OVERLOADED: {
    cause: 'More work waits than the bounds allow.',
    remedy: 'Send more slowly, or raise the bound named.',
    retryable: true,
    failureCause: '604',
  },
} as const satisfies Record<string, CodeEntry>;

export type ErrorCode = keyof typeof entries;

/** Every error code, with its cause and remedy; `docs/errors.md` is generated from this table. */
export const CODES: Readonly<Record<ErrorCode, CodeEntry>> = entries;
