import { expect, test } from 'vitest';
import { Turns } from './turns.ts';

const never = new AbortController().signal;
const soon = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('so many go at a time, the others in the order in which they came', async () => {
  const turns = new Turns(2, 10);
  const gone: number[] = [];
  for (let n = 0; n < 5; n += 1) void turns.enter(never).then(() => gone.push(n));
  await soon();
  expect(gone).toEqual([0, 1]);
  turns.leave();
  await soon();
  expect(gone).toEqual([0, 1, 2]);
  for (let n = 0; n < 4; n += 1) turns.leave();
  await soon();
  expect(gone).toEqual([0, 1, 2, 3, 4]);
  expect(await turns.enter(never)).toBe(true);
});

test('who gives up takes no turn', async () => {
  const turns = new Turns(1, 10);
  await turns.enter(never);
  const stop = new AbortController();
  const second = turns.enter(stop.signal);
  const third = turns.enter(never);
  stop.abort();
  expect(await second).toBe(false);
  turns.leave();
  expect(await third).toBe(true);
  expect(await turns.enter(stop.signal)).toBe(false);
});

test('the line has an end', async () => {
  const turns = new Turns(1, 1);
  await turns.enter(never);
  void turns.enter(never);
  expect(await turns.enter(never)).toBe(false);
});
