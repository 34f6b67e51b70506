/** The source of all randomness: ids, jitter, tokens. */
export interface Random {
  /** `count` random bytes, fit for secrets. */
  bytes(count: number): Buffer;
  /** An integer in `[0, end)`. */
  integer(end: number): number;
  /** A random (version 4) UUID in its canonical 36-character form. */
  uuid(): string;
}
