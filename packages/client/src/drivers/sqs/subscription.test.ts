import { describe, expect, it } from 'vitest';
import { ManualClock, settled } from '../../driver/testing/manual-clock.ts';
import { PolymqError } from '../../errors.ts';
import { deferred } from '../../lib/deferred.ts';
import type { Delivery } from '../../message/wire-message.ts';
import type { Aws, CallOptions } from './aws.ts';
import type { SqsDelivery } from './delivery.ts';
import type { ReceivedMessage } from './message-format.ts';
import { Polls } from './polls.ts';
import { Settler } from './settle.ts';
import { PollingSubscription } from './subscription.ts';
import { UnseenReceives } from './unseen-receives.ts';

interface Poll {
  readonly max: number;
  readonly signal: AbortSignal | undefined;
  answer(...names: string[]): void;
  fail(error: PolymqError): void;
}

interface Visibility {
  readonly Entries: readonly {
    readonly ReceiptHandle: string;
    readonly VisibilityTimeout: number;
  }[];
}

function start({ prefetch = 10, fifo = false, leaseMs = 30_000 } = {}) {
  const clock = new ManualClock();
  const sent: Poll[] = [];
  const visible: string[] = [];
  const fake = {
    context: { clock, timeoutMs: 1000, clientName: 'test', onConnection: () => {} },
    endpoint: { isAws: false },
    answerMs: 0,
    unseen: new UnseenReceives(),
    sqs: async (action: string, input: unknown, options: CallOptions): Promise<unknown> => {
      if (action === 'ReceiveMessage') return poll(input, options);
      const { Entries } = input as Visibility;
      for (const { ReceiptHandle, VisibilityTimeout } of Entries) {
        visible.push(`${ReceiptHandle} ${VisibilityTimeout}`);
      }
      return { Successful: Entries.map((_, index) => ({ Id: `${index}` })) };
    },
  };
  const poll = (input: unknown, { signal }: CallOptions): Promise<unknown> => {
    const answer = deferred<{ Messages: ReceivedMessage[] }>();
    const { MaxNumberOfMessages: max } = input as { MaxNumberOfMessages: number };
    sent.push({
      max,
      signal,
      answer: (...names) => answer.resolve({ Messages: names.map(received) }),
      fail: answer.reject,
    });
    return answer.promise;
  };
  const aws = fake as unknown as Aws;
  const events: string[] = [];
  const deliveries: SqsDelivery[] = [];
  const note = (what: string, list: readonly Delivery[]): void => {
    events.push(`${what} ${list.map(({ id }) => id).join(' ')}`);
  };
  const sink = {
    deliver: (list: readonly Delivery[]) => {
      deliveries.push(...(list as SqsDelivery[]));
      note('got', list);
    },
    lost: (list: readonly Delivery[]) => note('lost', list),
    ended: (error: PolymqError) => void events.push(`ended ${error.code}`),
  };
  const place = { name: 'q', url: 'u', fifo };
  const settler = new Settler(aws);
  const polls = new Polls(aws, settler);
  const parts = { aws, settler, polls, place, leaseMs, pollMs: 20_000, sink };
  const subscription = new PollingSubscription(parts, prefetch);
  return { clock, polls: sent, visible, events, deliveries, subscription };
}

/** `a1` belongs to group `a`. */
function received(name: string): ReceivedMessage {
  const Attributes = { MessageGroupId: name[0]! };
  return { MessageId: name, ReceiptHandle: name, Body: name, Attributes };
}

const ten = (prefix: string): string[] =>
  Array.from({ length: 10 }, (_, index) => `${prefix}${index}`);

describe('a subscription by long polls', () => {
  it('polls as long as there is credit, and no longer', async () => {
    const { clock, polls, deliveries, subscription } = start({ prefetch: 4 });
    await clock.advance(1000);
    expect(polls.map(({ max }) => max)).toEqual([4]);
    polls[0]!.answer('a', 'b', 'c', 'd');
    await clock.advance(1000);
    expect(polls.length).toBe(1);
    subscription.done(deliveries[0]!);
    subscription.done(deliveries[1]!);
    await settled();
    expect(polls[1]!.max).toBe(2);
  });

  it('waits a moment for more credit before it asks for little', async () => {
    const { clock, polls, deliveries, subscription } = start({ prefetch: 10 });
    polls[0]!.answer(...ten('a'));
    await settled();
    subscription.done(deliveries[0]!);
    await settled();
    expect(polls.length).toBe(1);
    await clock.advance(10);
    expect(polls[1]!.max).toBe(1);
  });

  it('uses more polls as long as they come back full, and fewer when they are empty', async () => {
    const { clock, polls } = start({ prefetch: 100 });
    await settled();
    expect(polls.length).toBe(1);
    polls[0]!.answer(...ten('a'));
    await settled();
    expect(polls.length).toBe(3);
    polls[1]!.answer(...ten('b'));
    await settled();
    expect(polls.length).toBe(5);
    for (const poll of polls.slice(2)) poll.answer();
    await clock.advance('1m');
    expect(polls.length).toBe(6);
  });

  it('gives back what a poll brings after it was closed', async () => {
    const { polls, visible, events, subscription } = start();
    const closed = subscription.close();
    polls[0]!.answer('a', 'b');
    await closed;
    expect(visible).toEqual(['a 0', 'b 0']);
    expect(events).toEqual([]);
  });

  it('goes on after failures that pass, and ends with others', async () => {
    const { clock, polls, events } = start();
    polls[0]!.fail(new PolymqError('disconnected', 'x'));
    await clock.advance('1s');
    polls[1]!.fail(new PolymqError('not-found', 'x'));
    await clock.advance('1m');
    expect(events).toEqual(['ended not-found']);
    expect(polls.length).toBe(2);
  });

  it('does not run hot when the engine does not wait', async () => {
    const { clock, polls } = start();
    for (let n = 0; n < 3; n++) {
      polls[n]!.answer();
      await settled();
      expect(polls.length).toBe(n + 1);
      await clock.advance('500ms');
    }
  });

  it('reports what nobody has extended, and uses its credit again', async () => {
    const { clock, polls, events, deliveries } = start({ prefetch: 2, leaseMs: 4000 });
    polls[0]!.answer('a', 'b');
    await settled();
    deliveries[0]!.leaseEndMs += 4000;
    await clock.advance('5s');
    expect(events).toEqual(['got a b', 'lost b']);
    expect(polls[1]!.max).toBe(1);
  });

  it('hands out one of a group at a time, and gives the others back with it', async () => {
    const { polls, events, visible, deliveries, subscription } = start({ fifo: true });
    polls[0]!.answer('a1', 'a2', 'b1', 'a3');
    await settled();
    subscription.done(deliveries[0]!);
    await settled();
    expect(events).toEqual(['got a1 b1', 'got a2']);
    subscription.returned(deliveries[2]!);
    await settled();
    expect(visible).toEqual(['a3 0']);
    await Promise.all([subscription.close(), polls[1]?.answer()]);
  });

  it('renews the lease of one that stood in line for long', async () => {
    const { clock, polls, events, visible, deliveries, subscription } = start({ fifo: true });
    polls[0]!.answer('a1', 'a2');
    await settled();
    await clock.advance('20s');
    subscription.done(deliveries[0]!);
    await settled();
    expect([visible, events]).toEqual([['a2 30'], ['got a1', 'got a2']]);
    expect(deliveries[1]!.leaseEndMs).toBe(clock.nowMs() + 30_000);
  });
});
