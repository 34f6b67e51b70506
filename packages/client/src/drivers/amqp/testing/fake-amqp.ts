/** Connections and channels that do what a test says, each of their calls in a turn of the event loop of its own. */
import { EventEmitter } from 'node:events';
import { PolymqError } from '../../../errors.ts';
import { type Clock, systemClock } from '../../../lib/clock.ts';
import type { AmqpConnection, AmqpMessage, AmqpTag, QueueState } from '../library.ts';
import type { Link, LinkPart } from '../link.ts';

type Arrive = (message: AmqpMessage | null) => void;

export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export class FakeChannel extends EventEmitter {
  readonly connection: FakeConnection;
  /** By queue. */
  readonly consumers = new Map<string, Arrive>();
  readonly acked: number[] = [];
  isClosed = false;
  #tags = 0;

  constructor(connection: FakeConnection) {
    super();
    this.connection = connection;
  }

  /** From the queue to its consumer here. */
  push(
    queue: string,
    message: Partial<AmqpMessage['properties']> & { redelivered?: boolean },
  ): void {
    const { redelivered = false, ...properties } = message;
    this.#tags += 1;
    const fields = { deliveryTag: this.#tags, redelivered, exchange: '', routingKey: queue };
    this.consumers.get(queue)?.({ content: Buffer.from('1'), fields, properties });
  }

  async prefetch(): Promise<void> {
    await this.#turn();
  }

  async consume(queue: string, arrive: Arrive): Promise<{ consumerTag: string }> {
    await this.#turn();
    this.consumers.set(queue, arrive);
    return { consumerTag: queue };
  }

  async cancel(tag: string): Promise<void> {
    await this.#turn();
    this.consumers.delete(tag);
  }

  async assertQueue(queue: string): Promise<QueueState> {
    await this.#turn();
    return { queue, messageCount: 0, consumerCount: 0 };
  }

  async checkQueue(queue: string): Promise<QueueState> {
    return this.assertQueue(queue);
  }

  async get(queue: string): Promise<AmqpMessage | false> {
    await this.#turn();
    const content = this.connection.messages.get(queue);
    const fields = { deliveryTag: 1, redelivered: false, exchange: '', routingKey: queue };
    return content === undefined
      ? false
      : { content: Buffer.from(content), fields, properties: {} };
  }

  publish(): boolean {
    return true;
  }

  ack({ fields }: AmqpTag): void {
    this.acked.push(fields.deliveryTag);
  }

  nack(): void {}

  async close(): Promise<void> {
    this.isClosed = true;
    this.consumers.clear();
    this.emit('close');
  }

  async #turn(): Promise<void> {
    await turn();
    if (this.isClosed) throw new Error('Channel closed');
  }
}

export class FakeConnection {
  readonly channels: FakeChannel[] = [];
  /** What is in a queue for those who `get` it. */
  readonly messages = new Map<string, string>();

  async createChannel(): Promise<FakeChannel> {
    await turn();
    const channel = new FakeChannel(this);
    this.channels.push(channel);
    return channel;
  }

  async lose(): Promise<void> {
    for (const channel of this.channels) await channel.close();
  }

  /** The channels that consume, the last one first. */
  get consuming(): FakeChannel[] {
    return this.channels.filter(({ consumers }) => consumers.size > 0).reverse();
  }

  get asServer(): AmqpConnection {
    return this as unknown as AmqpConnection;
  }
}

/** The connection is lost and comes back, and the part, which is open, is closed so many turns after that began. */
export async function closeWhileComingBack(
  part: LinkPart & { close(): Promise<void> },
  connection: FakeConnection,
  turns: number,
): Promise<void> {
  await connection.lose();
  part.lost?.(new PolymqError('disconnected', 'the connection was lost'));
  const restored = part.restore?.(connection.asServer);
  for (let done = 0; done < turns; done += 1) await turn();
  await part.close();
  await restored;
}

/** A link that is always up, on the connection. */
export function linkOf(connection: FakeConnection, clock: Clock = systemClock): Link {
  return {
    ready: async () => connection,
    channel: () => connection.createChannel(),
    add: () => undefined,
    remove: () => undefined,
    isPolymq: false,
    closed: false,
    context: { clock, timeoutMs: 20_000 },
  } as unknown as Link;
}
