import { describe, expect, it } from 'vitest';
import type { Place } from '../../message/interceptor.ts';
import type { Message } from '../../message/message.ts';
import { type LoopBlocked, loopWatch } from './loop-watch.ts';

const place: Place = { kind: 'queue', name: 'images', engine: 'test', system: 'test' };
const message = { id: 'm1' } as Message;

function block(ms: number): void {
  const endMs = performance.now() + ms;
  while (performance.now() < endMs);
}

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((resolve) => setImmediate(resolve));
}

describe('watching the event loop', () => {
  it('names the handler that computes before it gives way', async () => {
    const seen: LoopBlocked[] = [];
    const watch = loopWatch({ warnAfter: 30, warn: (blocked) => seen.push(blocked) });
    await watch.process!(message, place, async () => block(80));
    watch.close();
    expect(seen).toHaveLength(1);
    expect(seen[0]?.suspects).toEqual([{ source: 'images', messageId: 'm1' }]);
    expect(seen[0]?.text).toMatch(
      /the handler of images blocked the event loop for \d+ ms \(message m1\)/,
    );
  });

  it('names the handlers under way when one computes later', async () => {
    const seen: LoopBlocked[] = [];
    const watch = loopWatch({ warnAfter: 30, warn: (blocked) => seen.push(blocked) });
    await watch.process!(message, place, async () => {
      await new Promise((resolve) => setTimeout(resolve, 1));
      block(120);
    });
    await until(() => seen.length > 0);
    watch.close();
    expect(seen[0]?.suspects).toEqual([{ source: 'images', messageId: 'm1' }]);
  });

  it('says nothing of handlers that wait', async () => {
    const seen: LoopBlocked[] = [];
    const watch = loopWatch({ warnAfter: 10_000, warn: (blocked) => seen.push(blocked) });
    await watch.process!(message, place, () => new Promise((resolve) => setTimeout(resolve, 20)));
    watch.close();
    expect(seen).toEqual([]);
  });
});
