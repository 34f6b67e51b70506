/**
 * One connection that sends, one request at a time: the next when the one before is answered. Sender k of s uses the
 * numbers k, k + s, k + 2s, …, so that a FIFO group, which is the number modulo a multiple of s, is one sender's.
 */
import type { HttpWire } from '../../packages/polymq/test/support/http-wire.ts';
import { hasFailures } from './answers.ts';
import type { Ledger } from './ledger.ts';
import type { NumberedRequest } from './requests.ts';

export interface SenderOptions {
  request: NumberedRequest;
  ledger: Ledger;
  first: number;
  step: number;
  /** Ends after this many messages. */
  messagesMax?: number | undefined;
  /** Messages of all senders that may be sent and not received. */
  backlogMax?: number | undefined;
  /** Whether the time to the answer counts. */
  timed: boolean;
  onFailure(error: Error): void;
}

const OK = 200;

export class Sender {
  stopped = true;
  readonly #wire: HttpWire;
  readonly #options: SenderOptions;
  #number: number;
  #begun = 0;
  #sentAtMs = 0;

  constructor(wire: HttpWire, options: SenderOptions) {
    this.#wire = wire;
    this.#options = options;
    this.#number = options.first;
  }

  get busy(): boolean {
    return this.#wire.waiting;
  }

  start(): void {
    this.stopped = false;
    this.resume();
  }

  stop(): void {
    this.stopped = true;
  }

  /** Goes on after the backlog was too long. */
  resume(): void {
    const { ledger, backlogMax, messagesMax } = this.#options;
    if (this.stopped || this.#wire.waiting) return;
    if (backlogMax !== undefined && ledger.begun - ledger.received >= backlogMax) return;
    if (messagesMax !== undefined && this.#begun >= messagesMax) return;
    this.#send();
  }

  #send(): void {
    const { request, ledger, step } = this.#options;
    for (let i = 0; i < request.messages; i += 1) {
      request.write(i, this.#number, ledger.groupOf(this.#number));
      ledger.begin(this.#number);
      this.#number += step;
    }
    this.#begun += request.messages;
    this.#sentAtMs = performance.now();
    this.#wire.request(request.bytes, this.#onAnswer);
  }

  readonly #onAnswer = (status: number, bytes: Buffer, start: number, end: number): void => {
    const { request, ledger, timed, onFailure } = this.#options;
    if (status !== OK || (request.messages > 1 && hasFailures(bytes, start, end))) {
      onFailure(new Error(`sending was answered ${status} ${bytes.toString('utf8', start, end)}`));
      return;
    }
    ledger.requests += 1;
    ledger.sent += request.messages;
    if (timed) ledger.latencies.add(performance.now() - this.#sentAtMs);
    this.resume();
  };
}
