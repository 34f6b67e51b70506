/** The requests of one service, for one responder: leased until they are done. */
import { PolymqError } from '../../errors.ts';
import { type ClockTimer, sleep } from '../../lib/clock.ts';
import type { WireMessage } from '../../message/wire-message.ts';
import type { Aws } from './aws.ts';
import type { SqsDelivery } from './delivery.ts';
import type { QueuePlaces } from './places.ts';
import type { Polls } from './polls.ts';
import { ResponderTag } from './responders.ts';
import type { Settler } from './settle.ts';
import { PollingSubscription } from './subscription.ts';

const LEASE_MS = 30_000;
/** A request that nobody took is of no use to anybody. */
const RETENTION_SECONDS = 15 * 60;
const RENEW_PAUSE_MS = 1_000;

interface ServedParts {
  readonly aws: Aws;
  readonly places: QueuePlaces;
  readonly settler: Settler;
  readonly polls: Polls;
  readonly pollMs: number;
}

export class ServedQueue {
  readonly #parts: ServedParts;
  readonly #name: string;
  readonly #prefetch: number;
  readonly #sink: (request: WireMessage, done: () => void) => void;
  readonly #open = new Set<SqsDelivery>();
  #subscription: PollingSubscription | undefined;
  #tag: ResponderTag | undefined;
  #timer: ClockTimer | undefined;
  readonly #closing = new AbortController();

  constructor(
    parts: ServedParts,
    name: string,
    prefetch: number,
    sink: (request: WireMessage, done: () => void) => void,
  ) {
    this.#parts = parts;
    this.#name = name;
    this.#prefetch = prefetch;
    this.#sink = sink;
  }

  async open(): Promise<void> {
    const { aws, places, settler, polls, pollMs } = this.#parts;
    const url =
      (await places.urlOf(this.#name)) ?? (await places.create(this.#name, {}, RETENTION_SECONDS));
    this.#tag = new ResponderTag(aws, url);
    await this.#tag.start();
    const sink = {
      deliver: (deliveries: readonly SqsDelivery[]) => this.#deliver(deliveries),
      lost: (deliveries: readonly SqsDelivery[]) => {
        for (const delivery of deliveries) this.#open.delete(delivery);
      },
      ended: (error: PolymqError) => this.#renew(error),
    };
    const place = { name: this.#name, url, fifo: false };
    const parts = { aws, settler, polls, place, pollMs, leaseMs: LEASE_MS, sink };
    this.#subscription = new PollingSubscription(parts, this.#prefetch);
    this.#extendLater();
  }

  /** What is not done yet can still be. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#tag?.close();
    await this.#subscription?.close();
    this.#stopIfDone();
  }

  #deliver(deliveries: readonly SqsDelivery[]): void {
    for (const delivery of deliveries) {
      this.#open.add(delivery);
      this.#sink(delivery, () => this.#done(delivery));
    }
  }

  #done(delivery: SqsDelivery): void {
    if (!this.#open.delete(delivery)) return;
    this.#subscription?.done(delivery);
    // If it fails, the request comes again and is answered twice, which its sender drops.
    this.#parts.settler.delete(delivery).catch(() => {});
    this.#stopIfDone();
  }

  #stopIfDone(): void {
    if (this.#closing.signal.aborted && this.#open.size === 0) this.#timer?.cancel();
  }

  #extendLater(): void {
    this.#timer?.cancel();
    const { aws, settler } = this.#parts;
    this.#timer = aws.context.clock.after(LEASE_MS / 3, () => {
      for (const delivery of this.#open) {
        const endMs = aws.context.clock.nowMs() + LEASE_MS;
        settler.setVisibility(delivery, LEASE_MS).then(
          () => {
            delivery.leaseEndMs = endMs;
          },
          () => {},
        );
      }
      if (!this.#closing.signal.aborted || this.#open.size > 0) this.#extendLater();
    });
  }

  /** The queue was deleted, or the engine lost it: it is made again as long as the service is wanted. */
  async #renew(error: PolymqError): Promise<void> {
    const { aws } = this.#parts;
    this.#open.clear();
    for (let last: unknown = error; !this.#closing.signal.aborted; ) {
      if (last instanceof PolymqError && last.code === 'access-refused') return;
      await sleep(aws.context.clock, RENEW_PAUSE_MS, this.#closing.signal);
      if (this.#closing.signal.aborted) return;
      try {
        await this.#tag?.close();
        await this.open();
        return;
      } catch (failure) {
        last = failure;
      }
    }
  }
}
