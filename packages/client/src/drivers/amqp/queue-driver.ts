/** Queues of an AMQP server, as the SDK wants them. */
import type {
  DeliverySink,
  QueueDriver,
  QueueSpec,
  QueueStats,
  QueueSubscription,
  ReceiveRequest,
} from '../../driver/driver.ts';
import { UnsupportedError } from '../../errors.ts';
import { HEADER } from '../../message/headers.ts';
import { WireFacts } from '../../message/wire-facts.ts';
import type { Delivery, OutgoingMessage, WireMessage } from '../../message/wire-message.ts';
import type { Outcomes, Publication } from './batch.ts';
import { type DelayRoute, Delays } from './delays.ts';
import { DueQueues } from './due-queues.ts';
import { amqpError } from './errors.ts';
import { FifoReceiver } from './fifo-receiver.ts';
import type { AmqpDelivery } from './leases.ts';
import type { AmqpMessage } from './library.ts';
import type { Link } from './link.ts';
import { ReceivedWire, toBuffer, toProperties } from './message-format.ts';
import { REPLY_TO } from './names.ts';
import type { Publisher } from './publisher.ts';
import { queueDeclaration } from './queue-arguments.ts';
import { Receiver } from './receiver.ts';
import { AmqpSubscription } from './subscription.ts';
import type { Topology } from './topology.ts';
import { Untouched } from './untouched.ts';

export interface QueueParts {
  readonly link: Link;
  readonly topology: Topology;
  readonly publisher: Publisher;
  /** For messages that ask for an answer by direct reply-to: they leave on the channel that will hear it. */
  readonly replyPublisher: Publisher;
}

export class AmqpQueues implements QueueDriver {
  readonly #link: Link;
  readonly #topology: Topology;
  readonly #publisher: Publisher;
  readonly #replyPublisher: Publisher;
  readonly #delays: Delays;
  readonly #due: DueQueues;
  readonly #receiver: Receiver;
  readonly #fifoReceiver: FifoReceiver;
  readonly #untouched: Untouched = new Untouched();
  readonly #fifo = new Set<string>();

  constructor({ link, topology, publisher, replyPublisher }: QueueParts) {
    this.#link = link;
    this.#topology = topology;
    this.#publisher = publisher;
    this.#replyPublisher = replyPublisher;
    this.#delays = new Delays(link, topology);
    this.#due = new DueQueues({ link, topology, forward: this.#forward, divert: this.#divert });
    const parts = { untouched: this.#untouched, divert: this.#divert };
    this.#receiver = new Receiver(link, parts);
    this.#fifoReceiver = new FifoReceiver(link, parts);
  }

  /** A PolyMQ hands out one message of a key at a time, to any consumer; other servers have one consumer at a time. */
  get keyOrder(): 'engine' | 'client' {
    return this.#link.isPolymq ? 'engine' : 'client';
  }

  async declareQueue(spec: QueueSpec): Promise<void> {
    const { name } = spec;
    await this.#link.ready(`declaring queue "${name}"`);
    const declaration = queueDeclaration(spec, this.#link);
    await this.#topology.declare(`queue ${name}`, `declaring queue "${name}"`, (channel) =>
      channel.assertQueue(name, declaration),
    );
    if (spec.fifo) this.#fifo.add(name);
    await this.#due.declare(spec);
  }

  async deleteQueue(queue: string): Promise<void> {
    this.#topology.forget(`queue ${queue}`);
    await this.#topology.run(`deleting queue "${queue}"`, (channel) => channel.deleteQueue(queue));
    this.#fifo.delete(queue);
    this.#delays.forget(queue);
    await this.#due.delete(queue);
  }

  async purgeQueue(queue: string): Promise<number> {
    const { messageCount } = await this.#topology.run(`purging queue "${queue}"`, (channel) =>
      channel.purgeQueue(queue),
    );
    return messageCount;
  }

  async queueStats(queue: string): Promise<QueueStats> {
    const { messageCount, consumerCount } = await this.#topology.run(
      `asking for the state of queue "${queue}"`,
      (channel) => channel.checkQueue(queue),
    );
    return { ready: messageCount, consumers: consumerCount };
  }

  /** Takes and gives back: others who receive at that moment do not see these messages. */
  async peek(queue: string, max: number): Promise<readonly WireMessage[]> {
    const what = `looking into queue "${queue}"`;
    const channel = await this.#link.channel(what);
    const nowMs = this.#link.context.clock.nowMs();
    const seen: WireMessage[] = [];
    try {
      let last: AmqpMessage | undefined;
      while (seen.length < max) {
        const message = await channel.get(queue, { noAck: false });
        if (message === false) break;
        last = message;
        const wire = new ReceivedWire(message, nowMs);
        this.#untouched.add(wire.id);
        seen.push(wire);
      }
      if (last !== undefined) channel.nack(last, true, true);
      await channel.close();
      return seen;
    } catch (error) {
      throw amqpError(error, what);
    }
  }

  send(
    queue: string,
    messages: readonly OutgoingMessage[],
    timeoutMs?: number | undefined,
  ): Promise<Outcomes> {
    const what = `sending to queue "${queue}"`;
    let publisher = this.#publisher;
    for (const { delayMs = 0, replyTo } of messages) {
      if (delayMs > 0) return this.#sendLater(queue, messages, { what, timeoutMs });
      if (replyTo === REPLY_TO) publisher = this.#replyPublisher;
    }
    const publications = messages.map((message) => new QueuePublication(message, queue));
    return publisher.publish(publications, what, timeoutMs);
  }

  receive(queue: string, request: ReceiveRequest): Promise<Delivery[]> {
    const receiver = this.#needsOneConsumer(queue) ? this.#fifoReceiver : this.#receiver;
    return receiver.receive(queue, request);
  }

  async subscribeQueue(
    queue: string,
    { prefetch }: { readonly prefetch: number },
    sink: DeliverySink,
  ): Promise<QueueSubscription> {
    await this.#link.ready(`consuming queue "${queue}"`);
    const consumerLimit = this.#needsOneConsumer(queue);
    const subscription = new AmqpSubscription(
      this.#link,
      { queue, prefetch, consumerLimit, untouched: this.#untouched, divert: this.#divert },
      sink,
    );
    await subscription.open();
    return subscription;
  }

  /**
   * Written when this returns; AMQP does not confirm it. If the connection is lost before the server has read it, the message comes
   * again, so handlers must bear that (or the queue's `delivery` be effectively-once).
   */
  ack(delivery: Delivery): Promise<void> | undefined {
    const own = delivery as AmqpDelivery;
    return own.handle.ack(own);
  }

  /**
   * AMQP cannot give back for later. Where the place matters, the message stays leased for the time of the delay, so that what is
   * behind it waits, and is given back then, or when the connection ends. A PolyMQ may know the queue as fifo where this
   * client has not declared it.
   */
  release(delivery: Delivery, delayMs: number, untouched = false): Promise<void> | undefined {
    const own = delivery as AmqpDelivery;
    const keepsPlace = this.#link.isPolymq || this.#fifo.has(own.queue);
    if (delayMs > 0 && !keepsPlace) {
      return this.move(own, own.queue, { ...copyOf(own), delayMs });
    }
    if (untouched) this.#untouched.add(own.id);
    if (delayMs <= 0) return own.handle.requeue(own);
    return own.handle.requeueLater(own, delayMs, this.#link.context.clock);
  }

  async move(delivery: Delivery, to: string, message: OutgoingMessage): Promise<void> {
    const own = delivery as AmqpDelivery;
    if (!own.handle.holds(own)) await own.handle.ack(own);
    await this.#store(to, message);
    await own.handle.ack(own);
  }

  #needsOneConsumer(queue: string): boolean {
    return this.#fifo.has(queue) && !this.#link.isPolymq;
  }

  async #sendLater(
    queue: string,
    messages: readonly OutgoingMessage[],
    { what, timeoutMs }: { what: string; timeoutMs: number | undefined },
  ): Promise<Outcomes> {
    const publications: Publication[] = [];
    const target = this.#due.targetOf(queue);
    for (const message of messages) {
      const delayMs = message.delayMs ?? 0;
      const route = delayMs > 0 ? await this.#delays.route(target, delayMs) : undefined;
      if (route !== undefined && message.ttlMs !== undefined && !this.#link.isPolymq) {
        throw new UnsupportedError(
          'RabbitMQ',
          'delay together with ttl',
          'leave out one of them, or give the queue a ttl',
        );
      }
      publications.push(new QueuePublication(message, route === undefined ? queue : target, route));
    }
    try {
      return await this.#publisher.publish(publications, what, timeoutMs);
    } catch (error) {
      this.#delays.forget(target);
      throw error;
    }
  }

  async #store(queue: string, message: OutgoingMessage): Promise<void> {
    const outcomes = await this.send(queue, [message]);
    const outcome = outcomes?.[0];
    if (outcome !== undefined && 'error' in outcome) throw outcome.error;
  }

  readonly #forward = (delivery: AmqpDelivery, queue: string): Promise<void> =>
    this.#store(queue, copyOf(delivery));

  /** Sends a message that is not due yet around once more. */
  readonly #divert = (delivery: AmqpDelivery): boolean => {
    const stillMs = this.#delays.stillMs(delivery.headers);
    if (stillMs === 0) return false;
    this.move(delivery, delivery.queue, { ...copyOf(delivery), delayMs: stillMs }).catch(() => {
      // It stays leased and comes again with the next connection.
    });
    return true;
  };
}

/** A message for a queue, by the default exchange or by one of those that delay. */
class QueuePublication implements Publication {
  readonly exchange: string;
  readonly routingKey: string;
  readonly #message: OutgoingMessage;
  readonly #route: DelayRoute | undefined;

  constructor(message: OutgoingMessage, queue: string, route?: DelayRoute) {
    this.#message = message;
    this.#route = route;
    this.exchange = route === undefined ? '' : route.exchange;
    this.routingKey = queue;
  }

  get id(): string {
    return this.#message.id;
  }

  get body(): Buffer {
    return toBuffer(this.#message.body);
  }

  properties(): Readonly<Record<string, unknown>> {
    return toProperties(this.#message, {
      mandatory: true,
      persistent: true,
      headers: this.#route?.headers,
    });
  }
}

/** The same message as it goes out once more. */
function copyOf(delivery: AmqpDelivery): OutgoingMessage {
  const { [HEADER.due]: _, ...headers } = delivery.headers;
  return { ...new WireFacts(delivery, headers), priority: delivery.priority };
}
