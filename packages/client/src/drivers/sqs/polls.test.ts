import { describe, expect, it } from 'vitest';
import { ManualClock, settled } from '../../driver/testing/manual-clock.ts';
import { PolymqError } from '../../errors.ts';
import { deferred } from '../../lib/deferred.ts';
import type { Aws, CallOptions } from './aws.ts';
import { Polls } from './polls.ts';
import { Settler } from './settle.ts';
import { UnseenReceives } from './unseen-receives.ts';

interface Sent {
  readonly cut: boolean;
  answer(...names: string[]): void;
}

function start({ isAws = false, answerMs = 0, answers = true } = {}) {
  const clock = new ManualClock();
  const asked = deferred<unknown>();
  if (answers) asked.resolve({});
  const sent: Sent[] = [];
  const visible: string[] = [];
  const receive = ({ signal }: CallOptions): Promise<unknown> => {
    const answer = deferred<unknown>();
    const closed = (): void => answer.reject(new PolymqError('closed', 'cut off'));
    signal?.addEventListener('abort', closed);
    sent.push({
      get cut() {
        return signal?.aborted === true;
      },
      answer: (...names) => answer.resolve({ Messages: names.map(received) }),
    });
    return answer.promise;
  };
  const fake = {
    context: { clock, timeoutMs: 1000, clientName: 'test', onConnection: () => {} },
    endpoint: { isAws },
    answerMs,
    unseen: new UnseenReceives(),
    sqs: async (action: string, input: unknown, options: CallOptions): Promise<unknown> => {
      if (action === 'ReceiveMessage') return receive(options);
      if (action === 'GetQueueUrl') return asked.promise;
      const { Entries } = input as { Entries: { ReceiptHandle: string }[] };
      visible.push(...Entries.map(({ ReceiptHandle }) => ReceiptHandle));
      return { Successful: Entries.map((_, index) => ({ Id: `${index}` })) };
    },
  };
  const aws = fake as unknown as Aws;
  const polls = new Polls(aws, new Settler(aws));
  /** What came of a receive whose reader may go. */
  const fetch = () => {
    const reader = new AbortController();
    const seen: { names: string[] | undefined } = { names: undefined };
    const place = { name: 'q', url: 'u', fifo: false };
    const wanted = { max: 10, waitMs: 20_000, leaseMs: 30_000, signal: reader.signal };
    void polls.fetch(place, wanted).then((deliveries) => {
      seen.names = deliveries.map(({ messageId }) => messageId);
    });
    return { seen, goes: () => reader.abort() };
  };
  return { clock, sent, visible, polls, fetch, asked, unseen: fake.unseen };
}

function received(name: string) {
  return { MessageId: name, ReceiptHandle: name, Body: name };
}

describe('a receive whose reader goes', () => {
  it('is the reader’s if it was answered before', async () => {
    const { sent, visible, fetch, clock } = start();
    const { seen, goes } = fetch();
    sent[0]!.answer('a');
    await settled();
    goes();
    await clock.advance('30s');
    expect([seen.names, visible]).toEqual([['a'], []]);
  });

  it('is waited for while it is young, and what it brings goes back uncounted', async () => {
    const { sent, visible, fetch, clock, unseen } = start();
    const { seen, goes } = fetch();
    goes();
    await clock.advance(24);
    expect([sent[0]!.cut, seen.names]).toEqual([false, undefined]);
    sent[0]!.answer('a', 'b');
    await settled();
    expect([seen.names, visible, unseen.of('a')]).toEqual([[], ['a', 'b'], 1]);
    expect([sent[0]!.cut, clock.timers]).toEqual([false, 0]);
  });

  it('is cut off when the engine has nothing for it', async () => {
    const { sent, fetch, clock } = start();
    const [young, parked] = [fetch(), fetch()];
    young.goes();
    await clock.advance(25);
    expect([sent[0]!.cut, young.seen.names]).toEqual([true, []]);
    await clock.advance('5s');
    parked.goes();
    await clock.advance(0);
    expect([sent[1]!.cut, parked.seen.names]).toEqual([true, []]);
  });

  it('is over when the engine has answered something else, which it does behind that, or not in time', async () => {
    const { sent, fetch, clock, asked } = start({ answers: false });
    const [first, second] = [fetch(), fetch()];
    first.goes();
    await clock.advance(25);
    expect([sent[0]!.cut, first.seen.names]).toEqual([true, undefined]);
    asked.reject(new PolymqError('not-found', 'x'));
    await settled();
    expect(first.seen.names).toEqual([]);
    second.goes();
    await clock.advance(500);
    expect([second.seen.names, clock.timers]).toEqual([[], 0]);
  });

  it('is young for longer where answers take longer, within bounds', async () => {
    for (const [answerMs, youngMs] of [
      [100, 200],
      [5_000, 500],
    ] as const) {
      const { sent, fetch, clock } = start({ answerMs });
      fetch().goes();
      await clock.advance(youngMs - 1);
      expect(sent[0]!.cut).toBe(false);
      await clock.advance(1);
      expect(sent[0]!.cut).toBe(true);
    }
  });

  it('is not sent if the reader has gone before', async () => {
    const { polls, sent } = start();
    const place = { name: 'q', url: 'u', fifo: false };
    const wanted = { max: 1, waitMs: 0, leaseMs: 1000, signal: AbortSignal.abort() };
    expect(await polls.fetch(place, wanted)).toEqual([]);
    expect(sent).toEqual([]);
  });

  it('is left to its end on AWS, and what comes goes back at once', async () => {
    const { sent, visible, fetch, clock } = start({ isAws: true });
    const { seen, goes } = fetch();
    goes();
    await clock.advance(25);
    expect(seen.names).toEqual([]);
    await clock.advance('19s');
    expect(sent[0]!.cut).toBe(false);
    sent[0]!.answer('a');
    await settled();
    expect([visible, sent[0]!.cut]).toEqual([['a'], false]);
  });

  it('is cut off at the end of the driver, which waits for the young ones', async () => {
    const { sent, visible, fetch, clock, polls } = start({ isAws: true });
    const old = fetch();
    old.goes();
    await clock.advance('1s');
    fetch().goes();
    fetch().goes();
    let closed = false;
    void polls.close().then(() => {
      closed = true;
    });
    await settled();
    expect([sent[0]!.cut, sent[1]!.cut, closed]).toEqual([true, false, false]);
    sent[1]!.answer('a');
    await clock.advance(25);
    expect([visible, sent[2]!.cut, closed]).toEqual([['a'], true, true]);
    expect(clock.timers).toBe(0);
  });

  it('is one of sixteen at most that are left', async () => {
    const { sent, fetch, clock } = start({ isAws: true });
    for (let n = 0; n < 18; n += 1) fetch().goes();
    await clock.advance('1s');
    expect(sent.filter(({ cut }) => cut).length).toBe(2);
    expect([sent[0]!.cut, sent[1]!.cut, sent[2]!.cut]).toEqual([true, true, false]);
  });
});
