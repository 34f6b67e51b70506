import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { forEveryKillPoint, type KillScenario, KillSwitch } from '../support/kill-points.ts';

/** A world of two accounts with a transaction that a broken callback rolls back. */
class Bank {
  a = 10;
  b = 0;
  #open = false;

  async move(amount: number): Promise<void> {
    await this.transaction(async (tx) => {
      await tx.add('a', -amount);
      await tx.add('b', amount);
    });
  }

  async add(account: 'a' | 'b', amount: number): Promise<number> {
    this[account] += amount;
    return this[account];
  }

  get open(): boolean {
    return this.#open;
  }

  async transaction<T>(work: (tx: Bank) => Promise<T>): Promise<T> {
    const { a, b } = this;
    this.#open = true;
    try {
      return await work(this);
    } catch (error) {
      this.a = a;
      this.b = b;
      throw error;
    } finally {
      this.#open = false;
    }
  }
}

describe('the kill switch', () => {
  it('never makes the call when it kills before it', async () => {
    const bank = new Bank();
    const kill = new KillSwitch(0);
    void kill.guard(bank, 'bank').add('a', 1);
    expect(await kill.died).toEqual({ point: 0, label: 'bank.add before: a' });
    expect(bank.a).toBe(10);
  });

  it('makes the call and never tells when it kills after it', async () => {
    const bank = new Bank();
    const kill = new KillSwitch(1);
    let told = false;
    void kill
      .guard(bank, 'bank')
      .add('a', 1)
      .then(() => {
        told = true;
      });
    expect((await kill.died).label).toBe('bank.add after: a');
    await new Promise(setImmediate);
    expect([bank.a, told]).toEqual([11, false]);
  });

  it('lets nothing reach the world after the death', async () => {
    const bank = new Bank();
    const kill = new KillSwitch(0);
    const guarded = kill.guard(bank);
    void guarded.add('a', 1);
    void guarded.add('b', 1);
    void kill.effect('pay', () => bank.add('b', 1));
    await new Promise(setImmediate);
    expect([bank.a, bank.b]).toEqual([10, 0]);
  });

  it('rolls back a transaction whose work dies, even when nothing but its commit was left', async () => {
    const seen: string[] = [];
    for (let point = 0; point < 7; point++) {
      const bank = new Bank();
      const kill = new KillSwitch(point);
      const guarded = kill.guard(bank, 'bank');
      void guarded.transaction(async (tx) => {
        await tx.add('a', -1);
        await tx.add('b', 1);
      });
      seen.push((await kill.died).label);
      await kill.settle();
      expect([bank.a, bank.b, bank.open]).toEqual(point < 6 ? [10, 0, false] : [9, 1, false]);
    }
    expect(seen[5]).toBe('bank.transaction work done');
    expect(seen[6]).toBe('bank.transaction after');
  });

  it('ignores timers and sinks of the dead', async () => {
    const calls: string[] = [];
    const source = {
      sinks: [] as { deliver(text: string): void }[],
      subscribe(sink: { deliver(text: string): void }) {
        this.sinks.push(sink);
        return Promise.resolve({ close: async () => {} });
      },
      clock: systemClock,
    };
    const kill = new KillSwitch(2);
    const guarded = kill.guard(source);
    await guarded.subscribe({ deliver: (text) => calls.push(text) });
    source.sinks[0]!.deliver('alive');
    guarded.clock.after(0, () => calls.push('timer'));
    void guarded.subscribe({ deliver: () => {} });
    source.sinks[0]!.deliver('dead');
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(calls).toEqual(['alive']);
    expect(kill.dead).toBe(true);
  });

  it('passes data, errors and its own objects through as they are', async () => {
    const made = { payload: new Uint8Array([1]), at: new Map([[1, 2]]) };
    const world = {
      child: { name: async () => 'child' },
      get: async () => made,
      fail: async () => Promise.reject(new Error('no')),
      same: async (child: object) => child === world.child,
    };
    const guarded = new KillSwitch().guard(world);
    expect(await guarded.get()).toBe(made);
    await expect(guarded.fail()).rejects.toThrow('no');
    expect(await guarded.child.name()).toBe('child');
    expect(await guarded.same(guarded.child)).toBe(true);
    expect('get' in guarded && !('put' in guarded)).toBe(true);
  });
});

describe('forEveryKillPoint', () => {
  it('dies once at each point and finds the invariant kept', async () => {
    const report = await forEveryKillPoint<Bank>({
      setup: () => new Bank(),
      run: async (world, kill) => {
        const bank = kill.guard(world, 'bank');
        if (world.b > 0) return;
        await bank.transaction(async (tx) => {
          await tx.add('a', -1);
          await tx.add('b', 1);
        });
      },
      check: (world) => expect([world.a, world.b]).toEqual([9, 1]),
    });
    expect(report).toMatchObject({ points: 7, deaths: 7 });
  });

  it('names the point at which an invariant breaks', async () => {
    const broken = forEveryKillPoint<Bank>({
      setup: () => new Bank(),
      run: async (world, kill) => {
        const bank = kill.guard(world, 'bank');
        await bank.add('a', -1);
        await bank.add('b', 1);
      },
      recover: async () => {},
      check: (world) => expect(world.a + world.b).toBe(10),
    });
    await expect(broken).rejects.toThrow(/killed at point 1 \(bank\.add after: a\)/);
  });

  it('can kill the second life, too', async () => {
    const lives: number[] = [];
    const report = await forEveryKillPoint<{ bank: Bank; lives: number }>(
      {
        setup: () => ({ bank: new Bank(), lives: 0 }),
        run: async (world, kill) => {
          world.lives++;
          await kill.guard(world.bank).add('a', 1);
        },
        check: (world) => void lives.push(world.lives),
      },
      { kills: 2 },
    );
    expect(report).toMatchObject({ points: 2, deaths: 4 });
    expect(lives).toEqual([1, 3, 3]);
  });

  /** Lives that poll as often as they are told, one after the other, before they do something. */
  function polling(polls: (life: number) => number, died: string[] = []) {
    let lives = 0;
    const scenario: KillScenario<Bank> = {
      setup: () => new Bank(),
      run: async (world, kill) => {
        const bank = kill.guard(world, 'bank');
        const count = polls(lives++);
        for (let poll = 0; poll < count; poll++) await kill.effect(`poll ${lives}`, () => {});
        await bank.add('a', 1);
        await bank.add('b', 1);
      },
      recover: async () => {},
      check: (_, death) => void died.push(death?.label ?? 'nowhere'),
    };
    return scenario;
  }

  it('dies at everything that is done, however often the lives poll before it', async () => {
    for (const polls of [
      [3, 0],
      [0, 3],
      [2, 5, 1, 0, 4],
      [1, 9, 2],
    ]) {
      const died: string[] = [];
      const report = await forEveryKillPoint(polling((life) => polls[life % polls.length]!, died));
      expect(report.missed).toEqual([]);
      const adds = died.filter((label) => label.startsWith('bank'));
      expect(adds).toEqual(
        ['before: a', 'after: a', 'before: b', 'after: b'].map((each) => `bank.add ${each}`),
      );
      expect(died.some((label) => /^poll .* after$/.test(label))).toBe(true);
    }
  });

  it('comes to an end when every life polls more than the one before', async () => {
    const report = await forEveryKillPoint(polling((life) => life));
    expect(report).toMatchObject({ points: 4, missed: [] });
    expect(report.deaths).toBeLessThan(12);
  });

  it('says what no life could die at', async () => {
    const report = await forEveryKillPoint(polling((life) => (life === 0 ? 1 : 0)));
    expect(report.missed).toEqual(['poll # before', 'poll # after']);
  });

  it('says where a life hangs', async () => {
    const hanging = forEveryKillPoint<Bank>(
      {
        setup: () => new Bank(),
        run: async (world, kill) => {
          await kill.guard(world, 'bank').add('a', 1);
          await new Promise(() => {});
        },
        check: () => {},
      },
      { timeoutMs: 20 },
    );
    await expect(hanging).rejects.toThrow(/without being killed: a life hangs after 2 points/);
  });
});
