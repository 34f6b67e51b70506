/**
 * Queues on Kafka. Kafka has none (before share groups), so they are made of topics and a group:
 *
 *   orders          topic     the messages; those of one key in one partition
 *   orders.retry    topic     copies of messages whose attempt failed, each with the time it is due; not for fifo queues
 *   polymq.orders   group     its members share the partitions, and commit up to the oldest message not done
 *
 * Acknowledgements are kept in memory until everything before them is done, so a crash repeats messages, and loses none.
 * A partition belongs to one process at a time: what waits behind a full consumer in its partitions waits for that one,
 * until it leaves. Retries wait at their consumer, and hold nothing up.
 *
 * Topics of queues keep messages for ever (`retention.ms=-1`, if they are created here), also those that are done; give the topic a
 * retention of your own if that is too long.
 */
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
import { sleep } from '../../lib/clock.ts';
import { HEADER } from '../../message/headers.ts';
import type { Delivery, OutgoingMessage, WireMessage } from '../../message/wire-message.ts';
import type { Lease } from './delivery.ts';
import { committedOrStart } from './group-reader.ts';
import { deleteGroup, memberCount } from './groups.ts';
import { endOffsets } from './offsets.ts';
import { peekRecords } from './peek.ts';
import type { KafkaProducer } from './producer.ts';
import { leaseLost, type QueuePlace, QueueShare, type Taker } from './queue-share.ts';
import { createTopic, deleteRecords, deleteTopic, exists } from './topic-admin.ts';
import type { Wire } from './wire.ts';

const KEEP_FOR_EVER = { 'retention.ms': '-1' } as const;

export interface QueueParts {
  readonly wire: Wire;
  readonly producer: KafkaProducer;
  /** How many a queue gets when it is created. */
  readonly partitions: number;
  readonly onDeleted: (queue: string) => Promise<void>;
}

export class KafkaQueues implements QueueDriver {
  readonly #wire: Wire;
  readonly #producer: KafkaProducer;
  readonly #partitions: number;
  readonly #shares = new Map<string, QueueShare>();
  readonly #onDeleted: QueueParts['onDeleted'];
  readonly #places = new Map<string, Promise<QueuePlace>>();
  /** Of queues that were declared here. */
  readonly #deadLetters = new Map<string, string | undefined>();

  constructor({ wire, producer, partitions, onDeleted }: QueueParts) {
    this.#wire = wire;
    this.#producer = producer;
    this.#partitions = partitions;
    this.#onDeleted = onDeleted;
  }

  async declareQueue({ name, fifo, deadLetter }: QueueSpec): Promise<void> {
    const retry = retryTopic(name);
    if (fifo && (await exists(this.#wire, retry))) {
      throw new PolymqError(
        'declared-otherwise',
        `the queue "${name}" exists and is not fifo, for there is a topic "${retry}": declare it without \`fifo\`, or take another name`,
      );
    }
    const queue = { name, partitions: this.#partitions, configs: KEEP_FOR_EVER };
    await createTopic(this.#wire, queue);
    if (!fifo) await createTopic(this.#wire, { ...queue, name: retry });
    this.#places.set(name, Promise.resolve(placeOf(name, fifo)));
    this.#deadLetters.set(name, deadLetter);
  }

  /** Where its dead letters go; of a queue that was declared elsewhere, where they go if nobody says otherwise. */
  async deadLetterOf(queue: string): Promise<string | undefined> {
    if (this.#deadLetters.has(queue)) return this.#deadLetters.get(queue);
    const usual = `${queue}-dlq`;
    return (await exists(this.#wire, usual)) ? usual : undefined;
  }

  async deleteQueue(queue: string): Promise<void> {
    await this.#onDeleted(queue);
    const share = this.#shares.get(queue);
    await deleteTopic(this.#wire, queue);
    await deleteTopic(this.#wire, retryTopic(queue));
    share?.fail(gone(queue));
    await share?.close();
    this.#places.delete(queue);
    this.#deadLetters.delete(queue);
    await deleteGroup(this.#wire, groupOf(queue));
  }

  async purgeQueue(queue: string): Promise<number> {
    const { topics } = await this.#place(queue);
    let count = 0;
    for (const topic of topics) {
      const ends = await endOffsets(this.#wire, topic);
      for (const lag of (await this.#lag(queue, topic)).values()) count += lag;
      await deleteRecords(this.#wire, topic, ends);
    }
    const share = this.#shares.get(queue);
    count -= share?.leased ?? 0;
    share?.purge();
    return Math.max(0, count);
  }

  /** `leased` counts what is out in this process; what other processes hold counts as ready. */
  async queueStats(queue: string): Promise<QueueStats> {
    const { topics, group } = await this.#place(queue);
    let waiting = 0;
    for (const topic of topics) {
      for (const lag of (await this.#lag(queue, topic)).values()) waiting += lag;
    }
    const leased = this.#shares.get(queue)?.leased ?? 0;
    const done = this.#shares.get(queue)?.doneAhead ?? 0;
    return {
      ready: Math.max(0, waiting - leased - done),
      leased,
      consumers: await memberCount(this.#wire, group),
    };
  }

  async peek(queue: string, max: number): Promise<readonly WireMessage[]> {
    const { topics, group } = await this.#place(queue);
    const share = this.#shares.get(queue);
    const isWaiting = (topic: string, partition: number, offset: number): boolean =>
      share?.isOut(topic, partition, offset) !== true;
    return peekRecords(this.#wire, { topics, group, max, isWaiting });
  }

  async send(
    queue: string,
    messages: readonly OutgoingMessage[],
  ): Promise<readonly SendOutcome[] | undefined> {
    const outcomes = await this.#producer.send(queue, messages, { keyless: 'spread' });
    if (!outcomes.some((outcome) => outcome instanceof PolymqError)) return undefined;
    return outcomes.map((outcome) =>
      outcome instanceof PolymqError ? { error: outcome } : { duplicate: false },
    );
  }

  /** The wait begins when this process has its partitions and has looked at what was in them. */
  async receive(queue: string, request: ReceiveRequest): Promise<Delivery[]> {
    const { signal } = request;
    if (signal?.aborted === true) return [];
    // Ends all that waits here, so that nothing of this call outlives it.
    const over = new AbortController();
    const abort = (): void => over.abort();
    signal?.addEventListener('abort', abort, { once: true });
    try {
      return await this.#receive(queue, request, over.signal);
    } finally {
      signal?.removeEventListener('abort', abort);
      over.abort();
    }
  }

  async #receive(
    queue: string,
    { max, waitMs }: ReceiveRequest,
    signal: AbortSignal,
  ): Promise<Delivery[]> {
    const share = await this.#share(queue);
    const receiver = new Receiver(max);
    share.add(receiver);
    try {
      await Promise.race([receiver.came, this.#wait(share, waitMs, signal), aborted(signal)]);
    } finally {
      share.remove(receiver);
    }
    return receiver.taken;
  }

  async #wait(share: QueueShare, waitMs: number, signal: AbortSignal): Promise<void> {
    await share.start();
    await share.caughtUp(signal);
    await sleep(this.#wire.options.clock, waitMs, signal);
  }

  async subscribeQueue(
    queue: string,
    options: { readonly prefetch: number; readonly leaseMs: number },
    sink: DeliverySink,
  ): Promise<QueueSubscription> {
    const share = await this.#share(queue);
    const subscriber = new Subscriber(options.prefetch, sink);
    share.add(subscriber);
    try {
      await share.start();
    } catch (error) {
      share.remove(subscriber);
      throw error;
    }
    return {
      setPrefetch: (prefetch) => {
        subscriber.prefetch = prefetch;
        share.pump();
      },
      close: async () => share.remove(subscriber),
    };
  }

  ack(delivery: Delivery): Promise<void> | undefined {
    const lease = delivery.handle as Lease;
    if (lease.state === 'lost') return Promise.reject(leaseLost(delivery));
    if (lease.state === 'open') lease.share.done(lease);
    return undefined;
  }

  release(
    delivery: Delivery,
    delayMs: number,
    untouched: boolean = false,
  ): Promise<void> | undefined {
    const lease = delivery.handle as Lease;
    if (lease.state === 'lost') return Promise.reject(leaseLost(delivery));
    if (lease.state === 'open') lease.share.giveBack(lease, delayMs, untouched);
    return undefined;
  }

  /** Stored first and acknowledged then: a crash in between doubles it. */
  async move(delivery: Delivery, to: string, message: OutgoingMessage): Promise<void> {
    const lease = delivery.handle as Lease;
    if (lease.state === 'lost') throw leaseLost(delivery);
    const { delayMs = 0 } = message;
    const topic = delayMs > 0 ? retryTopic(to) : to;
    const due = String(this.#wire.options.clock.nowMs() + delayMs);
    const copy =
      delayMs > 0 ? { ...message, headers: { ...message.headers, [HEADER.due]: due } } : message;
    const [outcome] = await this.#producer.send(topic, [copy], { keyless: 'spread' });
    if (outcome instanceof PolymqError) throw outcome;
    await this.ack(delivery);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#shares.values()].map((share) => share.close()));
  }

  /** For topics that are read like a queue, such as those of requests. */
  shareOf(place: QueuePlace): QueueShare {
    const known = this.#shares.get(place.queue);
    if (known !== undefined) return known;
    const share: QueueShare = new QueueShare(this.#wire, place, () => {
      if (this.#shares.get(place.queue) === share) this.#shares.delete(place.queue);
    });
    this.#shares.set(place.queue, share);
    return share;
  }

  async #share(queue: string): Promise<QueueShare> {
    return this.shareOf(await this.#place(queue));
  }

  #place(queue: string): Promise<QueuePlace> {
    let place = this.#places.get(queue);
    if (place === undefined) {
      place = this.#look(queue);
      this.#places.set(queue, place);
      place.catch(() => this.#places.delete(queue));
    }
    return place;
  }

  /** A queue that was declared elsewhere is fifo if it has no topic for retries. */
  async #look(queue: string): Promise<QueuePlace> {
    if (!(await exists(this.#wire, queue))) throw gone(queue);
    return placeOf(queue, !(await exists(this.#wire, retryTopic(queue))));
  }

  async #lag(queue: string, topic: string): Promise<Map<number, number>> {
    const ends = await endOffsets(this.#wire, topic);
    const partitions = [...ends.keys()];
    const positions = await committedOrStart(this.#wire, groupOf(queue), topic, partitions);
    const lag = new Map<number, number>();
    for (const [partition, end] of ends)
      lag.set(partition, end - (positions.get(partition) ?? end));
    return lag;
  }
}

function retryTopic(queue: string): string {
  return `${queue}.retry`;
}

function groupOf(queue: string): string {
  return `polymq.${queue}`;
}

function placeOf(queue: string, fifo: boolean): QueuePlace {
  const topics = fifo ? [queue] : [queue, retryTopic(queue)];
  return { queue, group: groupOf(queue), topics, fifo };
}

function gone(queue: string): PolymqError {
  return new PolymqError(
    'not-found',
    `there is no queue "${queue}": it was deleted, or never declared`,
  );
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** Takes once, up to `max`. */
class Receiver implements Taker {
  readonly sink = undefined;
  readonly came: Promise<void>;
  taken: Delivery[] = [];
  #left: number;
  #come!: () => void;

  constructor(max: number) {
    this.#left = max;
    this.came = new Promise((resolve) => {
      this.#come = resolve;
    });
  }

  room(): number {
    return this.#left;
  }

  give(deliveries: Delivery[]): void {
    this.taken = deliveries;
    this.#left = 0;
    this.#come();
  }

  settled(): void {}
}

class Subscriber implements Taker {
  readonly sink: DeliverySink;
  prefetch: number;
  #unsettled = 0;

  constructor(prefetch: number, sink: DeliverySink) {
    this.prefetch = prefetch;
    this.sink = sink;
  }

  room(): number {
    return this.prefetch - this.#unsettled;
  }

  give(deliveries: Delivery[]): void {
    this.#unsettled += deliveries.length;
    this.sink.deliver(deliveries);
  }

  settled(): void {
    this.#unsettled -= 1;
  }
}
