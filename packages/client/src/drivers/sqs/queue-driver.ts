/** Queues of SQS: leases are visibility timeouts, an ack is a deletion, giving back is visibility 0. */
import type {
  DeliverySink,
  QueueDriver,
  QueueSpec,
  QueueStats,
  QueueSubscription,
  ReceiveRequest,
  SendOutcome,
} from '../../driver/driver.ts';
import { PolymqError } from '../../errors.ts';
import type { Delivery, OutgoingMessage, WireMessage } from '../../message/wire-message.ts';
import type { Aws } from './aws.ts';
import type { SqsDelivery } from './delivery.ts';
import { firstOfGroups } from './group-lines.ts';
import { BATCH_ENTRIES_MAX, WAIT_SECONDS_MAX } from './limits.ts';
import type { QueuePlace, QueuePlaces } from './places.ts';
import type { Polls } from './polls.ts';
import { Received } from './received.ts';
import type { Sender } from './send.ts';
import type { Settler } from './settle.ts';
import { PollingSubscription } from './subscription.ts';

/** A peek gives back at once what it has seen, and by itself if this process dies meanwhile. */
const PEEK_LEASE_MS = 10_000;
/** A poll of AWS that does not wait asks some of the servers only, and may find nothing where something is. */
const AWS_WAIT_MS = 1_000;

const STATS = {
  ready: 'ApproximateNumberOfMessages',
  leased: 'ApproximateNumberOfMessagesNotVisible',
  delayed: 'ApproximateNumberOfMessagesDelayed',
} as const;

export interface QueueParts {
  readonly aws: Aws;
  readonly places: QueuePlaces;
  readonly sender: Sender;
  readonly settler: Settler;
  readonly polls: Polls;
  /** How long a poll waits. */
  readonly pollMs: number;
}

export class SqsQueues implements QueueDriver {
  readonly #aws: Aws;
  readonly #places: QueuePlaces;
  readonly #pollMs: number;
  readonly #sender: Sender;
  readonly #settler: Settler;
  readonly #polls: Polls;
  readonly #received: Received;

  constructor({ aws, places, sender, settler, polls, pollMs }: QueueParts) {
    this.#aws = aws;
    this.#places = places;
    this.#pollMs = pollMs;
    this.#sender = sender;
    this.#settler = settler;
    this.#polls = polls;
    this.#received = new Received(aws, settler);
  }

  async declareQueue(spec: QueueSpec): Promise<void> {
    await this.#places.declare(spec);
  }

  async deleteQueue(queue: string): Promise<void> {
    try {
      await this.#call('DeleteQueue', await this.#places.find(queue));
    } catch (error) {
      if (!(error instanceof PolymqError && error.code === 'not-found')) throw error;
    }
    this.#places.forget(queue);
  }

  async purgeQueue(queue: string): Promise<undefined> {
    await this.#call('PurgeQueue', await this.#places.find(queue));
  }

  async queueStats(queue: string): Promise<QueueStats> {
    const place = await this.#places.find(queue);
    const answer = await this.#call<{ Attributes?: Readonly<Record<string, string>> }>(
      'GetQueueAttributes',
      place,
      { AttributeNames: Object.values(STATS) },
    );
    const count = (name: string): number => Number(answer.Attributes?.[name] ?? 0);
    return {
      ready: count(STATS.ready),
      leased: count(STATS.leased),
      delayed: count(STATS.delayed),
    };
  }

  /** SQS cannot look: the messages are received and given back, which counts as a delivery of each. */
  async peek(queue: string, max: number): Promise<readonly WireMessage[]> {
    const request = { max, waitMs: 0, leaseMs: PEEK_LEASE_MS };
    const deliveries = await this.#fetchAll(await this.#places.find(queue), request);
    await this.#settler.giveBack(deliveries);
    return deliveries;
  }

  send(
    queue: string,
    messages: readonly OutgoingMessage[],
  ): Promise<readonly SendOutcome[] | undefined> {
    return this.#sender.send(queue, messages);
  }

  async receive(queue: string, request: ReceiveRequest): Promise<SqsDelivery[]> {
    const place = await this.#places.find(queue);
    const received = await this.#fetchAll(place, request);
    const { first, behind } = place.fifo
      ? firstOfGroups(received)
      : { first: received, behind: [] };
    this.#received.add(first);
    await this.#settler.giveBack(behind);
    return first;
  }

  async #fetchAll(place: QueuePlace, request: ReceiveRequest): Promise<SqsDelivery[]> {
    const received: SqsDelivery[] = [];
    const endMs = this.#aws.context.clock.nowMs() + request.waitMs;
    for (;;) {
      const left = endMs - this.#aws.context.clock.nowMs();
      const waitMs = received.length > 0 ? 0 : Math.max(0, left);
      const fetched = await this.#fetch(place, request, request.max - received.length, waitMs);
      if (fetched === undefined) return received;
      received.push(...fetched);
      if (received.length >= request.max) return received;
      // Fewer than a batch were there: it does not have to be asked again whether there are more.
      if (fetched.length > 0 ? fetched.length < BATCH_ENTRIES_MAX : received.length > 0) {
        return received;
      }
      if (fetched.length === 0 && left <= WAIT_SECONDS_MAX * 1000) return received;
    }
  }

  async subscribeQueue(
    queue: string,
    { prefetch, leaseMs }: { readonly prefetch: number; readonly leaseMs: number },
    sink: DeliverySink,
  ): Promise<QueueSubscription> {
    const place = await this.#places.find(queue);
    const parts = {
      aws: this.#aws,
      settler: this.#settler,
      polls: this.#polls,
      place,
      leaseMs,
      pollMs: this.#pollMs,
      sink,
    };
    return new PollingSubscription(parts, prefetch);
  }

  ack(delivery: Delivery): Promise<void> {
    const own = delivery as SqsDelivery;
    if (this.#isLost(own)) return Promise.reject(leaseLost(own));
    own.owner?.done(own);
    return this.#settler.delete(own);
  }

  /** `untouched`: SQS counts all the same; the count is corrected where this client gets the message again. */
  release(delivery: Delivery, delayMs: number, untouched = false): Promise<void> {
    const own = delivery as SqsDelivery;
    if (this.#isLost(own)) return Promise.reject(leaseLost(own));
    own.owner?.returned(own);
    if (untouched) this.#aws.unseen.add(own.messageId);
    return this.#settler.setVisibility(own, delayMs);
  }

  /** Stored at its new place first; so a crash in between leaves it in both. */
  async move(delivery: Delivery, to: string, message: OutgoingMessage): Promise<void> {
    const own = delivery as SqsDelivery;
    if (this.#isLost(own)) throw leaseLost(own);
    const outcomes = await this.#sender.send(to, [message], own.handle);
    const outcome = outcomes?.[0];
    if (outcome !== undefined && 'error' in outcome) throw outcome.error;
    await this.ack(delivery);
  }

  async extend(delivery: Delivery, leaseMs: number): Promise<void> {
    const own = delivery as SqsDelivery;
    if (this.#isLost(own)) throw leaseLost(own);
    const all = [own, ...(own.owner?.companions(own) ?? [])];
    const endMs = this.#aws.context.clock.nowMs() + leaseMs;
    const [extended, ...others] = await Promise.allSettled(
      all.map((each) => this.#settler.setVisibility(each, leaseMs)),
    );
    if (extended?.status === 'rejected') throw extended.reason;
    own.leaseEndMs = endMs;
    others.forEach(({ status }, index) => {
      if (status === 'fulfilled') all[index + 1]!.leaseEndMs = endMs;
    });
  }

  /** What was received and nobody has settled goes back. */
  close(): Promise<void> {
    return this.#received.close();
  }

  /** SQS itself says nothing when a receipt handle is used too late. */
  #isLost({ leaseEndMs }: SqsDelivery): boolean {
    return leaseEndMs <= this.#aws.context.clock.nowMs();
  }

  /** Undefined when the signal was aborted. */
  async #fetch(
    place: QueuePlace,
    { leaseMs, signal }: ReceiveRequest,
    max: number,
    waitMs: number,
  ): Promise<SqsDelivery[] | undefined> {
    if (isAborted(signal)) return undefined;
    const leastMs = this.#aws.endpoint.isAws ? AWS_WAIT_MS : 0;
    try {
      const owner = this.#received;
      const fetch = { max, leaseMs, signal, owner, waitMs: Math.max(waitMs, leastMs) };
      return await this.#polls.fetch(place, fetch);
    } catch (error) {
      if (isAborted(signal)) return undefined;
      throw error;
    }
  }

  #call<Output>(action: string, place: QueuePlace, input: object = {}): Promise<Output> {
    const target = { target: place.name };
    return this.#aws.sqs<Output>(action, { QueueUrl: place.url, ...input }, target);
  }
}

/** Not narrowed: it can become true while something is awaited. */
function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}

function leaseLost({ id, place }: SqsDelivery): PolymqError {
  return new PolymqError(
    'lease-lost',
    `the lease of message ${id} of queue ${place.name} has ended, so it is delivered again; extend it in time, or give the queue a longer lease`,
  );
}
