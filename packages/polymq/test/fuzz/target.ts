/** One parser under test. */
export interface FuzzTarget {
  readonly name: string;
  /** Well-formed inputs from which mutations start. */
  seeds(): Promise<readonly Buffer[]> | readonly Buffer[];
  /**
   * Feeds one input. Throws what the parser throws, or an error of its own when the parser accepted the input
   * but did something wrong with it.
   */
  run(input: Buffer): void | Promise<void>;
  /** Whether this is the error that the parser is allowed to throw. */
  allows(error: unknown): boolean;
  /** How much outside the JavaScript heap one input may allocate, beyond twice its own size. */
  readonly memoryBytesMax: number;
  /** How long one input may take; more than 50 ms only where `run` does more than parse once. */
  readonly stallMs?: number;
  /** Repairs what would stop every mutation at the door, such as a checksum. Used for half of the inputs. */
  repair?(input: Buffer): Buffer;
  close?(): Promise<void> | void;
}

/** The parser accepted an input and was wrong about it. */
export class WrongResult extends Error {
  override readonly name = 'WrongResult';
}
