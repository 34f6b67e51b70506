import { describe, expect, it } from 'vitest';
import { Reply, ReplyMemory } from './codec/reply.ts';
import { REFUSAL } from './errors.ts';
import { HeldReplies } from './held-replies.ts';

class Publisher {
  readonly held: HeldReplies;
  readonly memory: ReplyMemory = new ReplyMemory();
  readonly reply: Reply = new Reply(this.memory);
  streamsSettled = 0;

  constructor() {
    this.held = new HeldReplies(() => {
      this.streamsSettled += 1;
    });
  }

  settle(committed: number): boolean {
    return this.held.write(committed, this.reply);
  }

  get answers(): string[] {
    return this.memory.bytes.toString().split('\r\n').slice(0, -1);
  }
}

describe('replies that wait for the disk', () => {
  it('leave together for a burst, and bursts one after the other', () => {
    const all = new Publisher();
    all.held.add(1, 10);
    all.held.add(3, 20);
    all.held.endBurst();
    all.held.add(2, 30);
    all.held.endBurst();
    expect(all.settle(10)).toBe(true);
    expect(all.answers).toEqual([]);
    expect(all.settle(20)).toBe(true);
    expect(all.answers).toEqual([':1', ':3']);
    expect(all.settle(30)).toBe(false);
    expect(all.answers).toEqual([':1', ':3', ':2']);
    expect(all.held.count).toBe(0);
  });

  it('keep their order with refusals and transactions', () => {
    const all = new Publisher();
    all.held.add(1, 10);
    all.held.add(REFUSAL.full, 10);
    all.held.addBytes(Buffer.from('*1\r\n:5\r\n'), 20, []);
    all.held.add(7, 30);
    all.held.endBurst();
    all.settle(30);
    expect(all.answers.map((line) => line.slice(0, 4))).toEqual([':1', '-OOM', '*1', ':5', ':7']);
  });

  it('wait for streams too, and say when one has refused', async () => {
    const all = new Publisher();
    all.held.add(1, 10, Promise.resolve());
    all.held.endBurst();
    all.held.add(1, 10, Promise.reject(new Error('no room')));
    all.held.add(4, 10);
    all.held.endBurst();
    expect(all.settle(10)).toBe(true);
    expect(all.answers).toEqual([]);
    await new Promise((resolve) => setImmediate(resolve));
    expect(all.streamsSettled).toBe(2);
    expect(all.settle(10)).toBe(false);
    expect(all.answers).toEqual([':1', expect.stringContaining('-ERR a queue or stream'), ':4']);
  });
});
