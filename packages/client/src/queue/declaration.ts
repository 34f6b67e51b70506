/** Declares something once, at its first use; a failure that may pass is tried again by the next use. */
import { PolymqError } from '../errors.ts';

export class Declaration {
  readonly #declare: () => Promise<void>;
  #promise: Promise<void> | undefined = undefined;
  #done = false;
  #failed = false;

  constructor(declare: () => Promise<void>) {
    this.#declare = declare;
  }

  /** Nothing is there of it, and nothing is on its way. */
  get untried(): boolean {
    return this.#promise === undefined || this.#failed;
  }

  /** Nothing to wait for any more. */
  get done(): boolean {
    return this.#done;
  }

  ready(): Promise<void> {
    this.#promise ??= this.#run();
    return this.#promise;
  }

  /** The next use declares it again. */
  forget(): void {
    this.#promise = undefined;
    this.#done = false;
    this.#failed = false;
  }

  async #run(): Promise<void> {
    this.#failed = false;
    try {
      await this.#declare();
      this.#done = true;
    } catch (error) {
      this.#failed = true;
      if (!(error instanceof PolymqError) || error.retryable) this.#promise = undefined;
      throw error;
    }
  }
}
