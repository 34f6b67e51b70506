/** One connection that receives and deletes in turn. */
import type { HttpWire } from '../../packages/polymq/test/support/http-wire.ts';
import { hasFailures, type ReceiveReader } from './answers.ts';
import type { Ledger } from './ledger.ts';
import type { DeleteRequests } from './requests.ts';

export interface ReceiverOptions {
  receive: Buffer;
  deletes: DeleteRequests;
  reader: ReceiveReader;
  ledger: Ledger;
  /** Whether the time to receive and delete counts. */
  timed: boolean;
  /** An answer without messages came; true: ask again. */
  onEmpty(): boolean;
  /** Messages came. */
  onReceived?(): void;
  onFailure(error: Error): void;
}

const OK = 200;

export class Receiver {
  stopped = true;
  readonly #wire: HttpWire;
  readonly #options: ReceiverOptions;
  #askedAtMs = 0;
  #deleting = 0;

  constructor(wire: HttpWire, options: ReceiverOptions) {
    this.#wire = wire;
    this.#options = options;
  }

  get busy(): boolean {
    return this.#wire.waiting;
  }

  start(): void {
    this.stopped = false;
    this.#ask();
  }

  stop(): void {
    this.stopped = true;
  }

  #ask(): void {
    if (this.stopped) return;
    this.#askedAtMs = performance.now();
    this.#wire.request(this.#options.receive, this.#onMessages);
  }

  readonly #onMessages = (status: number, bytes: Buffer, start: number, end: number): void => {
    const { reader, ledger, deletes, onEmpty, onReceived, onFailure } = this.#options;
    if (status !== OK) {
      onFailure(
        new Error(`receiving was answered ${status} ${bytes.toString('utf8', start, end)}`),
      );
      return;
    }
    ledger.requests += 1;
    try {
      const messages = reader.read(bytes, start, end);
      if (messages.length === 0) {
        if (onEmpty()) this.#ask();
        return;
      }
      for (const { number } of messages) ledger.receive(number);
      this.#deleting = messages.length;
      this.#wire.request(deletes.write(messages.map((each) => each.handle)), this.#onDeleted);
      onReceived?.();
    } catch (error) {
      onFailure(error as Error);
    }
  };

  readonly #onDeleted = (status: number, bytes: Buffer, start: number, end: number): void => {
    const { ledger, timed, onFailure } = this.#options;
    if (status !== OK || (this.#deleting > 1 && hasFailures(bytes, start, end))) {
      onFailure(new Error(`deleting was answered ${status} ${bytes.toString('utf8', start, end)}`));
      return;
    }
    ledger.requests += 1;
    ledger.deleted += this.#deleting;
    if (timed) ledger.latencies.add(performance.now() - this.#askedAtMs);
    this.#ask();
  };
}
