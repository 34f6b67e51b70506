import { expect, test } from 'vitest';
import { deferred } from '../lib/deferred.ts';
import { Acks } from './acks.ts';
import type { QueueMessage } from './queue-message.ts';
import type { Settling } from './settling.ts';

/** An engine that confirms what it is told with the promise of the moment. */
function setUp() {
  const told: string[] = [];
  const engine = { confirmed: Promise.resolve() };
  const acks = new Acks({
    beginAck: () => engine.confirmed,
    acked: ({ id }: QueueMessage) => told.push(`acked ${id}`),
    refused: ({ id }: QueueMessage) => told.push(`refused ${id}`),
  } as unknown as Settling);
  const add = (id: string) => acks.add({ id } as QueueMessage)!;
  return { add, told, engine };
}

test('what the engine confirms together ends together', async () => {
  const { add, told, engine } = setUp();
  const first = deferred<void>();
  engine.confirmed = first.promise;
  const [a, b] = [add('a'), add('b')];
  engine.confirmed = Promise.resolve();
  await add('c');
  expect(told).toEqual(['acked c']);
  first.resolve();
  await Promise.all([a, b]);
  expect(told).toEqual(['acked c', 'acked a', 'acked b']);
});

test('each of a round that failed is refused, and everybody who waits is told', async () => {
  const { add, told, engine } = setUp();
  engine.confirmed = Promise.reject(new Error('no disk'));
  const [a, b] = [add('a'), add('b')];
  await expect(a).rejects.toThrow('no disk');
  await expect(b).rejects.toThrow('no disk');
  expect(told).toEqual(['refused a', 'refused b']);
});

test('the promise of a round that is over begins another one', async () => {
  const { add, told } = setUp();
  await add('a');
  await add('b');
  expect(told).toEqual(['acked a', 'acked b']);
});
