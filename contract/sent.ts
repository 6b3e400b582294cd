/** What a platform has sent in one day: requests that were accepted. Tells of companies alone, of no person and no card. */
export interface SentRequests {
  /** YYYYMMDD, Asia/Shanghai. */
  day: string;
  /** PlatformID of whoever sent them. */
  platformId: string;
  /** `KH`, `CL`, or `command`. */
  kind: string;
  code: string;
  /** The cards of a message that lists several are requests of their own. */
  requests: number;
  /** When the first and the last of them were accepted, ms since 1970. */
  firstAt: number;
  lastAt: number;
}

/** At most `limit` rows, the latest day first. */
export interface SentFilter {
  /** YYYYMMDD, Asia/Shanghai. */
  day?: string | undefined;
  platformId?: string | undefined;
  limit: number;
}
