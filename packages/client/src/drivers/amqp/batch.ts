import type { SendOutcome } from '../../driver/driver.ts';
import type { PolymqError } from '../../errors.ts';

/** A message ready to be written. */
export interface Publication {
  readonly id: string;
  readonly exchange: string;
  readonly routingKey: string;
  readonly body: Buffer;
  /** Asked for when it is written; what it throws is the message's outcome. */
  properties(): Readonly<Record<string, unknown>>;
}

export type Outcomes = readonly SendOutcome[] | undefined;

const STORED: SendOutcome = Object.freeze({ duplicate: false });

/** Messages that were given together, and what has become of them so far. */
export class Batch {
  readonly messages: readonly Publication[];
  /** What was being done, for errors. */
  readonly what: string;
  /** How long it may take in all, and when that is over. */
  readonly timeoutMs: number;
  readonly endMs: number;
  /** How many have been written. */
  written = 0;
  #left: number;
  #failures: Map<number, PolymqError> | undefined = undefined;
  readonly #resolve: (outcomes: Outcomes) => void;
  readonly #reject: (error: PolymqError) => void;

  constructor(
    messages: readonly Publication[],
    about: { readonly what: string; readonly timeoutMs: number; readonly endMs: number },
    resolve: (outcomes: Outcomes) => void,
    reject: (error: PolymqError) => void,
  ) {
    this.messages = messages;
    this.what = about.what;
    this.timeoutMs = about.timeoutMs;
    this.endMs = about.endMs;
    this.#left = messages.length;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  get isSettled(): boolean {
    return this.#left === 0;
  }

  /** One of them has its outcome. */
  done(index: number, error: PolymqError | undefined): void {
    if (this.#left === 0) return;
    if (error !== undefined) {
      this.#failures ??= new Map();
      this.#failures.set(index, error);
    }
    this.#left -= 1;
    if (this.#left === 0) this.#settle();
  }

  /** None that is open gets an outcome any more. */
  giveUp(error: PolymqError): void {
    if (this.#left === 0) return;
    this.#left = 0;
    this.#reject(error);
  }

  #settle(): void {
    const failures = this.#failures;
    if (failures === undefined) {
      this.#resolve(undefined);
      return;
    }
    const [first] = failures.values();
    if (failures.size === this.messages.length && [...failures.values()].every(sameAs(first!))) {
      this.#reject(first!);
      return;
    }
    const outcomes = this.messages.map((_, index) => {
      const error = failures.get(index);
      return error === undefined ? STORED : { error };
    });
    this.#resolve(outcomes);
  }
}

function sameAs({ code }: PolymqError): (error: PolymqError) => boolean {
  return (error) => error.code === code;
}
