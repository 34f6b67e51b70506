import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../driver/testing/manual-clock.ts';
import { type Clock, systemClock } from '../../lib/clock.ts';
import type { Publication } from './batch.ts';
import type { AmqpChannel, AmqpConnection } from './library.ts';
import type { Link } from './link.ts';
import { Publisher } from './publisher.ts';

/** A channel that keeps what is written, and answers when the test says so. */
class FakeChannel {
  readonly written: string[] = [];
  readonly #listeners = new Map<string, ((value: unknown) => void)[]>();

  publish(_: string, routingKey: string, body: Buffer): boolean {
    if (routingKey === 'wrong') throw new RangeError('too long');
    this.written.push(body.toString());
    return true;
  }

  on(event: string, listener: (value: unknown) => void): void {
    this.#listeners.set(event, [...(this.#listeners.get(event) ?? []), listener]);
  }

  emit(event: string, value?: unknown): void {
    for (const listener of this.#listeners.get(event) ?? []) listener(value);
  }

  ack(deliveryTag: number, multiple = false): void {
    this.emit('ack', { deliveryTag, multiple });
  }
}

async function opened(
  unconfirmedMax = 16,
  clock: Clock = systemClock,
): Promise<{ publisher: Publisher; channel: FakeChannel }> {
  const channel = new FakeChannel();
  const link = {
    context: { clock, timeoutMs: 60_000 },
    closed: false,
    unreachable: undefined,
    add: () => undefined,
    ready: () => new Promise(() => undefined),
  } as unknown as Link;
  const publisher = new Publisher(link, unconfirmedMax);
  await publisher.restore(connectionTo(channel));
  return { publisher, channel };
}

function connectionTo(channel: FakeChannel): AmqpConnection {
  const createConfirmChannel = async (): Promise<AmqpChannel> => channel as unknown as AmqpChannel;
  return { createConfirmChannel } as unknown as AmqpConnection;
}

function messages(...ids: string[]): Publication[] {
  return ids.map((id) => ({
    id,
    exchange: '',
    routingKey: id === 'wrong' ? 'wrong' : 'q',
    body: Buffer.from(id),
    properties: () => ({}),
  }));
}

const settled = async (promise: Promise<unknown>): Promise<boolean> => {
  const pending = Symbol('pending');
  await new Promise((resolve) => setImmediate(resolve));
  return (await Promise.race([promise, Promise.resolve(pending)])) !== pending;
};

describe('a publisher with confirms', () => {
  it('is done when each message of a batch is confirmed, in whatever order', async () => {
    const { publisher, channel } = await opened();
    const sent = publisher.publish(messages('a', 'b', 'c', 'd'), 'sending');
    expect(channel.written).toEqual(['a', 'b', 'c', 'd']);
    channel.ack(4);
    channel.ack(2, true);
    expect(await settled(sent)).toBe(false);
    channel.ack(3);
    expect(await sent).toBeUndefined();
  });

  it('tells which messages were refused, returned or cannot be written', async () => {
    const { publisher, channel } = await opened();
    const sent = publisher.publish(messages('a', 'wrong', 'b', 'c'), 'sending');
    channel.emit('nack', { deliveryTag: 2, multiple: false });
    channel.emit('return', { properties: { messageId: 'c' } });
    channel.ack(3, true);
    const codes = (await sent)?.map((outcome) =>
      'error' in outcome ? outcome.error.code : 'stored',
    );
    expect(codes).toEqual(['stored', 'invalid-argument', 'queue-full', 'not-found']);
  });

  it('writes no more than may be unconfirmed, in order', async () => {
    const { publisher, channel } = await opened(4);
    const first = publisher.publish(messages('1', '2', '3'), 'sending');
    const second = publisher.publish(messages('4', '5', '6'), 'sending');
    expect(channel.written).toEqual(['1', '2', '3', '4']);
    channel.ack(2, true);
    expect(channel.written).toEqual(['1', '2', '3', '4', '5', '6']);
    channel.ack(6, true);
    expect([await first, await second]).toEqual([undefined, undefined]);
  });

  it('says of what was written that its fate is unknown, and sends the rest later', async () => {
    const { publisher, channel } = await opened(2);
    const sent = publisher.publish(messages('1', '2', '3'), 'sending');
    publisher.lost(Object.assign(new Error('gone'), { code: 'disconnected' }) as never);
    const next = new FakeChannel();
    await publisher.restore(connectionTo(next));
    expect(next.written).toEqual(['3']);
    channel.ack(2, true);
    next.ack(1);
    const outcomes = await sent;
    expect(outcomes?.map((outcome) => 'error' in outcome)).toEqual([true, true, false]);
  });

  it('leaves nothing without an answer when its channel is replaced', async () => {
    const { publisher } = await opened();
    const sent = publisher.publish(messages('1'), 'sending');
    const next = new FakeChannel();
    await publisher.restore(connectionTo(next));
    await expect(sent).rejects.toMatchObject({ code: 'disconnected' });
    const again = publisher.publish(messages('2'), 'sending');
    next.ack(1);
    expect(await again).toBeUndefined();
  });

  it('waits for each call as long as that one may take, be it more or less than usual', async () => {
    const clock = new ManualClock();
    const { publisher, channel } = await opened(16, clock);
    const ends: string[] = [];
    const send = (name: string, timeoutMs?: number): void => {
      publisher.publish(messages(name), name, timeoutMs).catch(({ message }: Error) => {
        ends.push(message.slice(0, message.indexOf(',')));
      });
    };
    send('long', 600_000);
    send('usual');
    send('short', 800);
    // A look comes late by an eighth at most.
    for (const [waitMs, ended] of [
      [799, 0],
      [102, 1],
      [58_900, 1],
      [8_000, 2],
      [530_000, 2],
      [80_000, 3],
    ] as const) {
      await clock.advance(waitMs);
      expect(ends).toHaveLength(ended);
    }
    expect(ends).toEqual([
      'short: the broker has not confirmed it within 800 ms',
      'usual: the broker has not confirmed it within 60000 ms',
      'long: the broker has not confirmed it within 600000 ms',
    ]);
    expect(channel.written).toEqual(['long', 'usual', 'short']);
    expect(clock.timers).toBe(0);
  });

  it('writes nothing any more whose time is over', async () => {
    const clock = new ManualClock();
    const { publisher, channel } = await opened(2, clock);
    const sent = publisher.publish(messages('1', '2'), 'sending');
    const late = publisher.publish(messages('3'), 'sending', 100).catch(({ code }) => code);
    await clock.advance('200ms');
    channel.ack(2, true);
    expect(await sent).toBeUndefined();
    expect(await late).toBe('timeout');
    expect(channel.written).toEqual(['1', '2']);
  });
});
