/** What the tests with amqplib have in common: connections that end with the test, and waiting. */
import {
  type Channel,
  type ChannelModel,
  type ConfirmChannel,
  type ConsumeMessage,
  connect,
  type GetMessage,
  type Options,
  type Replies,
} from 'amqplib';
import { onTestFinished } from 'vitest';
import type { AmqpPeer } from './amqp-peer.ts';
import { eventually } from './peer.ts';

/** What the broker says when it closes a channel or a connection. */
export interface CloseError extends Error {
  code: number;
}

/** A connection that is closed when the test is over. */
export async function openConnection(
  peer: AmqpPeer,
  options: Options.Connect = {},
): Promise<ChannelModel> {
  const { host: hostname, port } = peer;
  const { credentials, ...where } = options;
  const connection = await connect(
    { hostname, port, username: 'guest', password: 'guest', ...where },
    // amqplib looks for them here alone.
    credentials === undefined ? {} : { credentials },
  );
  // Whoever expects an error listens too; for others the channel's own failure says enough.
  connection.on('error', () => undefined);
  onTestFinished(() => connection.close().catch(() => undefined));
  return connection;
}

export async function openChannel(peer: AmqpPeer): Promise<Channel> {
  return channelOf(await openConnection(peer));
}

export async function openConfirmChannel(peer: AmqpPeer): Promise<ConfirmChannel> {
  const channel = await (await openConnection(peer)).createConfirmChannel();
  channel.on('error', () => undefined);
  return channel;
}

/** A channel whose errors do not end the process: the tests that want them use `closedWith`. */
export async function channelOf(connection: ChannelModel): Promise<Channel> {
  const channel = await connection.createChannel();
  channel.on('error', () => undefined);
  return channel;
}

/** Resolves with the error with which the broker closes the channel or the connection. */
export function closedWith(emitter: Channel | ChannelModel): Promise<CloseError> {
  return new Promise((resolve) => {
    emitter.once('error', (error: CloseError) => resolve(error));
  });
}

export interface Collector {
  readonly messages: ConsumeMessage[];
  readonly consumerTag: string;
  /** How often the broker cancelled this consumer. */
  readonly cancelled: number;
  texts(): string[];
  /** Resolves with everything received once that is at least `count`. */
  waitFor(count: number): Promise<ConsumeMessage[]>;
}

/** Starts a consumer that keeps what it gets. It acknowledges nothing unless `noAck` is given. */
export async function collect(
  channel: Channel,
  queue: string,
  options: Options.Consume = {},
): Promise<Collector> {
  const messages: ConsumeMessage[] = [];
  let cancelled = 0;
  const onMessage = (message: ConsumeMessage | null): void => {
    if (message) messages.push(message);
    else cancelled += 1;
  };
  const { consumerTag } = await channel.consume(queue, onMessage, options);
  return {
    messages,
    consumerTag,
    get cancelled() {
      return cancelled;
    },
    texts: () => messages.map(text),
    waitFor: (count) =>
      eventually(`${count} messages arrived, not ${messages.length}`, () =>
        messages.length >= count ? messages : undefined,
      ),
  };
}

/** Takes everything that is ready, one `basic.get` at a time. */
export async function drain(channel: Channel, queue: string): Promise<GetMessage[]> {
  const messages: GetMessage[] = [];
  for (;;) {
    const message = await channel.get(queue, { noAck: true });
    if (!message) return messages;
    messages.push(message);
  }
}

/** Waits until the queue has `count` messages ready: routing and requeueing take their time. */
export function untilReady(
  channel: Channel,
  queue: string,
  count: number,
): Promise<Replies.AssertQueue> {
  return eventually(`${queue} has ${count} messages`, async () => {
    const state = await channel.checkQueue(queue);
    return state.messageCount === count ? state : undefined;
  });
}

export function text(message: { content: Buffer }): string {
  return message.content.toString();
}

/** `count` bodies `prefix-0`, `prefix-1`, … */
export function bodies(count: number, prefix = 'm'): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}-${index}`);
}

export function sendAll(channel: Channel, queue: string, texts: readonly string[]): void {
  for (const body of texts) channel.sendToQueue(queue, Buffer.from(body));
}

/**
 * Resolves when the broker has handled all that this channel sent before: methods of one channel are
 * handled in order, and this one has an answer.
 */
export async function handled(channel: Channel): Promise<void> {
  await channel.checkExchange('amq.direct');
}

/** A queue that goes with its connection. */
export async function newQueue(
  channel: Channel,
  options: Options.AssertQueue = {},
): Promise<string> {
  return (await channel.assertQueue('', { exclusive: true, ...options })).queue;
}

/** For `eventually`: asked over a connection of its own, since asking for a queue that is gone ends the channel. */
export async function isGone(peer: AmqpPeer, queue: string): Promise<true | undefined> {
  const connection = await openConnection(peer);
  const channel = await channelOf(connection);
  const gone = await channel.checkQueue(queue).then(
    () => undefined,
    () => true as const,
  );
  await connection.close();
  return gone;
}
