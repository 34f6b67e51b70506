import { describe, expect, it } from 'vitest';
import { ByteBudget } from './byte-budget.ts';

describe('ByteBudget', () => {
  it('has room until the limit is reached, also when it was exceeded', () => {
    const budget = new ByteBudget(100);
    budget.charge(60);
    expect(budget.room).toBe(40);
    budget.charge(60);
    expect(budget.room).toBe(0);
    budget.release(30);
    expect(budget.room).toBe(10);
  });

  it('calls back once, and only when there is room', () => {
    const budget = new ByteBudget(100);
    let calls = 0;
    const callback = () => {
      calls += 1;
    };
    budget.charge(150);
    budget.onRoom(callback);
    budget.onRoom(callback);
    budget.release(50);
    expect(calls).toBe(0);
    budget.release(1);
    expect(calls).toBe(1);
    budget.release(1);
    expect(calls).toBe(1);
  });

  it('does not call who has given up waiting', () => {
    const budget = new ByteBudget(1);
    const callback = () => expect.unreachable();
    budget.charge(1);
    budget.onRoom(callback);
    budget.forget(callback);
    budget.release(1);
    expect(budget.used).toBe(0);
  });
});
