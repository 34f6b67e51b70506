/**
 * Receives whose reader may go before they are answered. One that is cut off may have been answered just then: its messages are leased and nobody
 * has them, so they come again when that lease is over, half a minute later. Therefore one that is given up is cut off only when it is parked:
 *
 *   sent ─────────── young ───────────► parked ──────────────────────────► answered, empty
 *    what lies in the queue               the engine waits for
 *    is on its way here                   something to come
 *
 *   given up:  until it is parked,        cut off: the engine sees the connection end, and drops it
 *              what comes goes back       AWS: goes on to its end, and what comes goes back
 *
 * It is dropped when the engine has answered something that was asked afterwards. Without waiting for that, a message that is sent next could
 * overtake the end of the connection. AWS does not see that end. It would lease what comes next to the poll that nobody reads any more, so there
 * it is left to its end, 20 s away at most. The end of the driver does not wait for that: it cuts off what was left.
 *
 * Invariants: what a receive brings is its reader's, or goes back with visibility 0 and counts as no attempt here; at most LEFT_MAX are left.
 */
import { sleep } from '../../lib/clock.ts';
import type { Aws } from './aws.ts';
import type { SqsDelivery } from './delivery.ts';
import type { QueuePlace } from './places.ts';
import { type Fetch, fetchOnce } from './receive.ts';
import type { Settler } from './settle.ts';

/** A receive is parked when it has taken so many times as long as the slowest answer of late. */
const YOUNG_FACTOR = 2;
const YOUNG_MS = { min: 25, max: 500 } as const;
/** Each holds a connection. */
const LEFT_MAX = 16;
/** An engine that does not answer shall not keep the program alive; the leases end by themselves. */
const CLOSE_MS = 3_000;

interface GivenUp {
  /** Resolves when it is answered and everything went back. */
  readonly over: Promise<void>;
  cutOff(): void;
}

export class Polls {
  readonly #aws: Aws;
  readonly #settler: Settler;
  readonly #givenUp = new Set<GivenUp>();
  /** Of those given up: oldest first. */
  readonly #left = new Set<GivenUp>();
  #closed = false;

  constructor(aws: Aws, settler: Settler) {
    this.#aws = aws;
    this.#settler = settler;
  }

  /** When the signal is aborted it brings nothing, and resolves as soon as it takes nothing from others any more, or is left to its end. */
  async fetch(place: QueuePlace, fetch: Fetch): Promise<SqsDelivery[]> {
    const { signal } = fetch;
    if (signal === undefined) return fetchOnce(this.#aws, place, fetch);
    if (signal.aborted) return [];
    const cut = new AbortController();
    const sentMs = this.#aws.context.clock.nowMs();
    const answer = fetchOnce(this.#aws, place, { ...fetch, signal: cut.signal });
    return new Promise((resolve, reject) => {
      const giveUp = (): void => {
        void this.#giveUp(answer, sentMs, () => cut.abort()).then(() => resolve([]));
      };
      signal.addEventListener('abort', giveUp, { once: true });
      const unlessGivenUp =
        <T>(settle: (value: T) => void) =>
        (value: T): void => {
          if (signal.aborted) return;
          signal.removeEventListener('abort', giveUp);
          settle(value);
        };
      answer.then(unlessGivenUp(resolve), unlessGivenUp(reject));
    });
  }

  /** Cuts off what was left, and waits for what is young. Never rejects. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const { cutOff } of this.#left) cutOff();
    const over = Promise.all(Array.from(this.#givenUp, (each) => each.over));
    await this.#within(CLOSE_MS, over);
  }

  async #giveUp(answer: Promise<SqsDelivery[]>, sentMs: number, cutOff: () => void): Promise<void> {
    const over = answer.then(
      (deliveries) => this.#settler.giveBack(deliveries),
      () => {},
    );
    const poll: GivenUp = { over, cutOff };
    this.#givenUp.add(poll);
    void over.then(() => {
      this.#givenUp.delete(poll);
      this.#left.delete(poll);
    });
    const { context, endpoint, answerMs } = this.#aws;
    const youngMs = Math.min(YOUNG_MS.max, Math.max(YOUNG_MS.min, YOUNG_FACTOR * answerMs));
    await this.#within(sentMs + youngMs - context.clock.nowMs(), over);
    if (!this.#givenUp.has(poll)) return;
    if (endpoint.isAws && !this.#closed) return this.#leave(poll);
    cutOff();
    await over;
    await this.#noticed();
  }

  async #noticed(): Promise<void> {
    const asked = this.#aws.sqs('GetQueueUrl', { QueueName: 'polymq' }, { target: 'polymq' });
    await this.#within(
      YOUNG_MS.max,
      asked.catch(() => {}),
    );
  }

  #leave(poll: GivenUp): void {
    this.#left.add(poll);
    if (this.#left.size <= LEFT_MAX) return;
    const [oldest] = this.#left;
    this.#left.delete(oldest!);
    oldest!.cutOff();
  }

  async #within(limitMs: number, work: Promise<unknown>): Promise<void> {
    const done = new AbortController();
    void work.then(() => done.abort());
    await sleep(this.#aws.context.clock, Math.max(0, limitMs), done.signal);
  }
}
