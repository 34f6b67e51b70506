import { expect, test } from 'vitest';
import type { Clock } from '../../lib/clock.ts';
import type { TopicRecord } from '../../message/wire-message.ts';
import { Lane } from './lane.ts';

function handClock(): Clock & { advance(ms: number): void } {
  let nowMs = 1_000;
  let timers: { atMs: number; run: () => void }[] = [];
  return {
    nowMs: () => nowMs,
    after(delayMs, run) {
      const timer = { atMs: nowMs + delayMs, run };
      timers.push(timer);
      const cancel = (): void => {
        timers = timers.filter((one) => one !== timer);
      };
      return { cancel };
    },
    advance(ms) {
      nowMs += ms;
      const due = timers.filter(({ atMs }) => atMs <= nowMs);
      timers = timers.filter(({ atMs }) => atMs > nowMs);
      for (const { run } of due) run();
    },
  };
}

function record(offset: number, more: Partial<TopicRecord> = {}): TopicRecord {
  const facts = { id: `${offset}`, contentType: '', headers: {}, timestampMs: offset };
  return { ...facts, body: Buffer.alloc(10), partition: 0, offset, ...more };
}

function newLane(fifo = false, clock: Clock = handClock()): Lane {
  const place = { topic: 't', partition: 0, position: 0 };
  return new Lane({ ...place, fifo, clock, onReady: () => {} });
}

test('commits up to the oldest message that is not done, in whatever order they are done', () => {
  const lane = newLane();
  void lane.add([record(0), record(1), record(2), record(5)]);
  const [a, b, c, d] = [lane.take()!, lane.take()!, lane.take()!, lane.take()!];
  expect(lane.done(b)).toBe(false);
  expect(lane.watermark).toBe(0);
  expect(lane.doneAhead).toBe(1);
  expect(lane.done(a)).toBe(true);
  expect(lane.watermark).toBe(2);
  lane.done(d);
  lane.done(c);
  expect(lane.watermark).toBe(6);
  expect([lane.pending, lane.doneAhead, lane.leased]).toEqual([0, 0, 0]);
});

test('what is given back is next, and counted unless nobody worked on it', () => {
  const lane = newLane();
  void lane.add([record(0), record(1)]);
  lane.giveBack(lane.take()!, 0, true);
  const again = lane.take()!;
  expect([again.record.offset, again.redeliveries]).toEqual([0, 0]);
  lane.giveBack(again, 0, false);
  expect(lane.take()?.redeliveries).toBe(1);
});

test('a message that is not due lets the ones behind it pass', () => {
  const clock = handClock();
  const lane = newLane(false, clock);
  void lane.add([record(0, { headers: { 'polymq-due': '5000' } }), record(1)]);
  const second = lane.take()!;
  expect(second.record.offset).toBe(1);
  expect(lane.take()).toBeUndefined();
  lane.done(second);
  expect(lane.watermark).toBe(0);
  clock.advance(4_000);
  expect(lane.take()?.record.offset).toBe(0);
});

test('of the messages of a key only the first can be taken, and it keeps its place', () => {
  const clock = handClock();
  const lane = newLane(true, clock);
  const keyed = ['a', 'a', 'b', undefined].map((key, offset) => record(offset, { key }));
  void lane.add(keyed);
  const taken = [lane.take()!, lane.take()!, lane.take()!];
  expect(taken.map((entry) => entry.record.offset)).toEqual([0, 2, 3]);
  expect(lane.take()).toBeUndefined();
  lane.giveBack(taken[0]!, 100, false);
  expect(lane.take()).toBeUndefined();
  clock.advance(100);
  expect(lane.take()?.record.offset).toBe(0);
  lane.done(taken[0]!);
  expect(lane.take()?.record.offset).toBe(1);
});

test('takes no more when it is full, and goes on when there is room', async () => {
  const lane = newLane();
  const many = Array.from({ length: 5_000 }, (_, offset) => record(offset));
  const room = lane.add(many);
  expect(room).toBeInstanceOf(Promise);
  lane.done(lane.take()!);
  await room;
});

test('purging forgets what nobody has, and keeps what somebody has', () => {
  const lane = newLane(true);
  void lane.add([0, 1, 2].map((offset) => record(offset, { key: 'k' })));
  const first = lane.take()!;
  lane.purge();
  expect([lane.ready, lane.pending, lane.watermark]).toEqual([0, 1, 0]);
  lane.done(first);
  expect([lane.take(), lane.watermark]).toEqual([undefined, 3]);
});

test('fetches no more when too much is done behind one message, until that is done', async () => {
  const lane = newLane();
  void lane.add([record(0)]);
  const slow = lane.take()!;
  let room: Promise<void> | undefined;
  let next = 1;
  while (room === undefined && next <= 200_000) {
    const some = Array.from({ length: 1_000 }, (_, at) => record(next + at));
    next += some.length;
    room = lane.add(some);
    for (let entry = lane.take(); entry !== undefined; entry = lane.take()) lane.done(entry);
  }
  expect([lane.pending, lane.watermark]).toEqual([1, 0]);
  let isOpen = false;
  const opened = room?.then(() => {
    isOpen = true;
  });
  await Promise.resolve();
  expect([room instanceof Promise, isOpen]).toEqual([true, false]);
  expect(lane.done(slow)).toBe(true);
  await opened;
  expect([lane.watermark, lane.doneAhead]).toEqual([next, 0]);
});

test('keeps nothing of what is done, though what stands before it is not', () => {
  const lane = newLane();
  void lane.add([record(0), record(1), record(2), record(3)]);
  const [first, ...others] = [lane.take()!, lane.take()!, lane.take()!];
  for (const entry of others) lane.done(entry);
  expect([first?.after?.record.offset, lane.doneAhead]).toEqual([3, 2]);
  expect(others.map(({ before, after }) => [before, after])).toEqual([
    [undefined, undefined],
    [undefined, undefined],
  ]);
  expect([0, 1, 2, 3, 4].map((offset) => lane.isOut(offset))).toEqual([
    true,
    true,
    true,
    false,
    false,
  ]);
  lane.done(first!);
  expect([lane.watermark, lane.doneAhead, lane.isOut(0)]).toEqual([3, 0, true]);
});

test('after purging, what comes for a key waits for the one of it that is out', () => {
  const lane = newLane(true);
  void lane.add([0, 1].map((offset) => record(offset, { key: 'k' })));
  const first = lane.take()!;
  lane.purge();
  void lane.add([record(2, { key: 'k' })]);
  expect(lane.take()).toBeUndefined();
  lane.done(first);
  expect(lane.take()?.record.offset).toBe(2);
});
