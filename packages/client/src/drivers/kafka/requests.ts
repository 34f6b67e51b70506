/**
 * Requests and replies over topics:
 *
 *   polymq.service.<name>   topic and group   requests; who serves them shares its partitions, as a queue's consumers do
 *   polymq.replies.<uuid>   topic             replies to one client, read by it alone; deleted when it closes
 *
 * A request fails at once when the service's group has no members. That there are some is believed for a second. Requests
 * that nobody took for a minute are dropped: who asked has given up. A client that crashes leaves its topic of replies behind.
 */
import { randomUUID } from 'node:crypto';
import type { RequestDriver } from '../../driver/driver.ts';
import { PolymqError } from '../../errors.ts';
import type { Delivery, OutgoingMessage, WireMessage } from '../../message/wire-message.ts';
import type { Lease } from './delivery.ts';
import { memberCount } from './groups.ts';
import type { KafkaProducer } from './producer.ts';
import type { QueuePlace, Taker } from './queue-share.ts';
import type { KafkaQueues } from './queues.ts';
import { createTopic, deleteTopic } from './topic-admin.ts';
import { TopicReader } from './topic-reader.ts';
import type { Wire } from './wire.ts';

const BELIEVED_MS = 1_000;
const REQUEST_MS_MAX = 60_000;
const SERVICE_PARTITIONS = 4;
const SERVICE_CONFIGS = { 'retention.ms': '600000' } as const;

export class KafkaRequests implements RequestDriver {
  readonly #wire: Wire;
  readonly #producer: KafkaProducer;
  readonly #queues: KafkaQueues;
  /** When a service was last seen to have responders. */
  readonly #served = new Map<string, number>();
  #replies: { readonly address: string; readonly reader: TopicReader } | undefined;

  constructor(wire: Wire, producer: KafkaProducer, queues: KafkaQueues) {
    this.#wire = wire;
    this.#producer = producer;
    this.#queues = queues;
  }

  async openReplies(sink: (reply: WireMessage) => void): Promise<{ readonly address: string }> {
    const address = `polymq.replies.${randomUUID()}`;
    await createTopic(this.#wire, { name: address, partitions: 1, configs: SERVICE_CONFIGS });
    const reader = new TopicReader(this.#wire, address, new Map([[0, 0]]), {
      deliver: (records) => {
        for (const record of records) sink(record);
      },
      ended: () => {},
    });
    this.#replies = { address, reader };
    return { address };
  }

  async request(service: string, message: OutgoingMessage): Promise<'sent' | 'no-responder'> {
    if (!(await this.#isServed(service))) return 'no-responder';
    const [outcome] = await this.#producer.send(topicOf(service), [message], { keyless: 'spread' });
    if (!(outcome instanceof PolymqError)) return 'sent';
    if (outcome.code === 'not-found') return 'no-responder';
    throw outcome;
  }

  async #isServed(service: string): Promise<boolean> {
    const nowMs = this.#wire.options.clock.nowMs();
    const seenMs = this.#served.get(service);
    if (seenMs !== undefined && nowMs - seenMs < BELIEVED_MS) return true;
    const members = await memberCount(this.#wire, topicOf(service));
    if (members > 0) this.#served.set(service, nowMs);
    else this.#served.delete(service);
    return members > 0;
  }

  async serve(
    service: string,
    prefetch: number,
    sink: (request: WireMessage, done: () => void) => void,
  ): Promise<{ close(): Promise<void> }> {
    const topic = topicOf(service);
    await createTopic(this.#wire, {
      name: topic,
      partitions: SERVICE_PARTITIONS,
      configs: SERVICE_CONFIGS,
    });
    const place: QueuePlace = { queue: topic, group: topic, topics: [topic], fifo: false };
    const share = this.#queues.shareOf(place);
    const responder = new Responder(prefetch, (request, done) => {
      const ageMs = this.#wire.options.clock.nowMs() - request.timestampMs;
      if (ageMs > REQUEST_MS_MAX) done();
      else sink(request, done);
    });
    share.add(responder);
    await share.start();
    return {
      close: async () => {
        share.remove(responder);
        if (share.takers === 0) await share.close();
      },
    };
  }

  /** Whoever has closed has no topic any more. */
  async reply(address: string, message: OutgoingMessage): Promise<void> {
    const [outcome] = await this.#producer.send(address, [message], { keyless: 'batch' });
    if (outcome instanceof PolymqError && outcome.code !== 'not-found') throw outcome;
  }

  async close(): Promise<void> {
    const replies = this.#replies;
    this.#replies = undefined;
    if (replies === undefined) return;
    await replies.reader.close();
    await deleteTopic(this.#wire, replies.address).catch(() => {});
  }
}

function topicOf(service: string): string {
  return `polymq.service.${service}`;
}

class Responder implements Taker {
  readonly sink = undefined;
  readonly #prefetch: number;
  readonly #serve: (request: WireMessage, done: () => void) => void;
  #unanswered = 0;

  constructor(prefetch: number, serve: (request: WireMessage, done: () => void) => void) {
    this.#prefetch = prefetch;
    this.#serve = serve;
  }

  room(): number {
    return this.#prefetch - this.#unanswered;
  }

  give(deliveries: Delivery[]): void {
    this.#unanswered += deliveries.length;
    for (const delivery of deliveries) {
      const lease = delivery.handle as Lease;
      this.#serve(delivery, () => {
        if (lease.state === 'open') lease.share.done(lease);
      });
    }
  }

  settled(): void {
    this.#unanswered -= 1;
  }
}
