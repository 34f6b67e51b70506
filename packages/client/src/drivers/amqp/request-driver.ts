/**
 * Requests and replies: a queue per service that is there as long as somebody serves it, so that a request without a responder
 * is returned at once; replies by direct reply-to, which needs no queue.
 */
import type { RequestDriver } from '../../driver/driver.ts';
import type { PolymqError } from '../../errors.ts';
import type { OutgoingMessage, WireMessage } from '../../message/wire-message.ts';
import type { Publication } from './batch.ts';
import type { AmqpDelivery } from './leases.ts';
import type { AmqpChannel, AmqpMessage } from './library.ts';
import type { Link } from './link.ts';
import { ReceivedWire, toBuffer, toProperties } from './message-format.ts';
import { REPLY_TO, serviceQueue } from './names.ts';
import type { Publisher } from './publisher.ts';
import { AmqpSubscription } from './subscription.ts';
import type { Topology } from './topology.ts';
import { Untouched } from './untouched.ts';

export interface RequestParts {
  readonly link: Link;
  readonly topology: Topology;
  /** Replies go by this one: they wait for nothing. */
  readonly publisher: Publisher;
  /** Requests must leave on the channel that hears the replies. */
  readonly replyPublisher: Publisher;
  readonly replies: ReplyChannel;
}

/** Hears the replies on the channel on which requests leave. */
export class ReplyChannel {
  #sink: ((reply: WireMessage) => void) | undefined = undefined;
  readonly #nowMs: () => number;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  readonly opened = async (channel: AmqpChannel): Promise<void> => {
    const arrive = (message: AmqpMessage | null): void => {
      if (message !== null) this.#sink?.(new ReceivedWire(message, this.#nowMs()));
    };
    await channel.consume(REPLY_TO, arrive, { noAck: true });
  };

  listen(sink: (reply: WireMessage) => void): void {
    this.#sink = sink;
  }
}

export class AmqpRequests implements RequestDriver {
  readonly #parts: RequestParts;

  constructor(parts: RequestParts) {
    this.#parts = parts;
  }

  async openReplies(sink: (reply: WireMessage) => void): Promise<{ readonly address: string }> {
    await this.#parts.link.ready('opening the inbox for replies');
    this.#parts.replies.listen(sink);
    return { address: REPLY_TO };
  }

  async request(service: string, message: OutgoingMessage): Promise<'sent' | 'no-responder'> {
    const publication = publicationOf(serviceQueue(service), message, true);
    try {
      await this.#parts.replyPublisher.publish([publication], `asking service "${service}"`);
      return 'sent';
    } catch (error) {
      if ((error as { code?: string }).code === 'not-found') return 'no-responder';
      throw error;
    }
  }

  async serve(
    service: string,
    prefetch: number,
    sink: (request: WireMessage, done: () => void) => void,
    ended?: (error: PolymqError) => void,
  ): Promise<{ close(): Promise<void> }> {
    const { link, topology } = this.#parts;
    const queue = serviceQueue(service);
    await topology.declare(`service ${service}`, `serving "${service}"`, (channel) =>
      channel.assertQueue(queue, { durable: true, autoDelete: true, arguments: {} }),
    );
    const options = {
      queue,
      prefetch,
      consumerLimit: false,
      untouched: new Untouched(),
      divert: () => false,
    };
    const subscription = new AmqpSubscription(link, options, {
      deliver: (deliveries) => {
        for (const delivery of deliveries) {
          const own = delivery as AmqpDelivery;
          sink(own, () => void own.handle.ack(own)?.catch(() => undefined));
        }
      },
      // Somebody else answers them, and late answers of ours are dropped by whoever asked.
      lost: () => undefined,
      ended: (error) => {
        topology.forget(`service ${service}`);
        ended?.(error);
      },
    });
    await subscription.open();
    return {
      close: async () => {
        topology.forget(`service ${service}`);
        await subscription.close();
      },
    };
  }

  async reply(address: string, message: OutgoingMessage): Promise<void> {
    await this.#parts.publisher.publish(
      [publicationOf(address, message, false)],
      `replying to ${address}`,
    );
  }
}

function publicationOf(
  routingKey: string,
  message: OutgoingMessage,
  mandatory: boolean,
): Publication {
  return {
    id: message.id,
    exchange: '',
    routingKey,
    body: toBuffer(message.body),
    properties: () => toProperties(message, { mandatory, persistent: false }),
  };
}
