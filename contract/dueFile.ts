/**
 * A file that a deadline hangs on: pictures (`KH`) or contracts (`HT`) that a command asks for (notice 5.1, 5.2, 7.1.2), or the
 * pictures of a registration (6.1.3.2 a). Whoever delivers a file of that name, or takes it in, fulfils it.
 */
export interface NewDueFile {
  /** Its base name; without the code where that is not known: `KH_CMD-7_0002`, `HT_CMD-7`. */
  name: string;
  content: 'KH' | 'HT';
  /** RequestID of the command or the registration. */
  requestId: string;
  /** Who owes it: operator (A.1) or car maker (A.6); empty where unknown. */
  code: string;
  /** The cards, as the command named them: one, or several with commas between. */
  iccid: string;
  /** From acceptance. */
  withinMs: number;
  /** It is for further cards, too, each of which is noted by itself: those of a registration that lists several. */
  forMore?: boolean;
}

export interface DueFile extends Omit<NewDueFile, 'withinMs' | 'forMore'> {
  id: number;
  /** When the command or registration was accepted. */
  acceptedAt: number;
  dueAt: number;
  /** `asked`: its peer knows of it. `failed`: nobody tries any more. One that is late may still be delivered. */
  state: 'open' | 'asked' | 'delivered' | 'failed';
  deliveredAt?: number;
  /** When it was noted as expired. */
  expiredAt?: number;
  /** Why it has not been delivered so far. */
  reason?: string;
}

export interface DueFileFilter {
  content: 'KH' | 'HT';
  state: DueFile['state'];
  /** Only those whose expiry has been noted. */
  expired?: true;
  afterId?: number;
  limit: number;
}

/** `half` of the time is gone, the `lastHalfHour` has begun, or it has `expired`. */
export interface DueAlarm {
  stage: 'half' | 'lastHalfHour' | 'expired';
  file: DueFile;
}
