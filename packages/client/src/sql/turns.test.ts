import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Turns } from './turns.ts';

describe('taking turns', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] }));
  afterEach(() => void vi.useRealTimers());

  it('tells who waits for itself, and lets the others go on', async () => {
    const turns = new Turns();
    const nested = turns.hold(() => turns.take(async () => 'never'));
    const other = turns.take(async () => 'other');
    const told = expect(nested).rejects.toMatchObject({
      code: 'timeout',
      message: expect.stringMatching(/box\.tx/),
    });
    await vi.advanceTimersByTimeAsync(5_000);
    await told;
    expect(await other).toBe('other');
  });

  it('lets those wait who only began within, until it is over', async () => {
    const turns = new Turns();
    const done: string[] = [];
    let later: Promise<void> | undefined;
    await turns.hold(async () => {
      later = turns.hold(async () => void done.push('later'));
      await Promise.resolve();
      done.push('first');
    });
    await later;
    expect(done).toEqual(['first', 'later']);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('takes nobody for being within what is over', async () => {
    const turns = new Turns();
    let go = (): void => {};
    let late: Promise<string> | undefined;
    await turns.hold(async () => {
      const gate = new Promise<void>((resolve) => {
        go = resolve;
      });
      late = gate.then(() => turns.take(async () => 'late'));
    });
    go();
    expect(await late).toBe('late');
  });

  it('knows whose turn it is through those of others', async () => {
    const [outer, inner] = [new Turns(), new Turns()];
    const nested = outer.hold(() => inner.hold(() => outer.take(async () => 'never')));
    const told = expect(nested).rejects.toMatchObject({ code: 'timeout' });
    await vi.advanceTimersByTimeAsync(5_000);
    await told;
    expect(await inner.take(async () => 'free')).toBe('free');
  });
});
