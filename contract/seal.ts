/** How the SQLite file is encrypted at rest. */
export interface Seal {
  /** `aegis`: AEGIS-256, authenticated. `aes256`: AES-256-CBC. */
  cipher: 'aegis' | 'aes256';
  /** 64 hex digits: 32 bytes. */
  key: string;
}
