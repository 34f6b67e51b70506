import { describe, expect, it } from 'vitest';
import { turns } from '../../log/testing/contract.ts';
import type { MqttConnection } from './connection.ts';
import { sendRetained } from './retained-sending.ts';
import type { Subscription } from './subscription.ts';

/** A connection for which what is shown ends when the test says so. */
function kit(subscriptionsMax = 10) {
  const shown: string[] = [];
  const ends: ((error?: Error) => void)[] = [];
  const failed: Promise<unknown>[] = [];
  const connection = {
    closed: false,
    close() {
      this.closed = true;
    },
    server: {
      options: { subscriptionsMax },
      sessions: {
        background: (work: Promise<void>) => failed.push(work.catch((error: unknown) => error)),
      },
      retained: {
        show: (_exchange: string, key: string): Promise<void> | undefined => {
          shown.push(key);
          if (key.startsWith('quick')) return undefined;
          return new Promise<void>((resolve, reject) =>
            ends.push((error) => (error === undefined ? resolve() : reject(error))),
          );
        },
      },
    },
  };
  const subscribe = (key: string): void =>
    sendRetained(connection as unknown as MqttConnection, { key } as Subscription);
  return { connection, shown, ends, failed, subscribe };
}

describe('retained messages on their way to a client', () => {
  it('go at once, one subscription behind the other when they take long', async () => {
    const { shown, ends, subscribe } = kit();
    for (const key of ['quick 1', 'slow 1', 'slow 2', 'quick 2']) subscribe(key);
    await turns(2);
    expect(shown).toEqual(['quick 1', 'slow 1']);
    ends[0]!();
    await turns(2);
    expect(shown).toEqual(['quick 1', 'slow 1', 'slow 2']);
    ends[1]!();
    await turns(2);
    expect(shown).toEqual(['quick 1', 'slow 1', 'slow 2', 'quick 2']);
    subscribe('quick 3');
    expect(shown.at(-1)).toBe('quick 3');
  });

  it('go on behind those that cannot be read', async () => {
    const { shown, ends, failed, subscribe } = kit();
    subscribe('slow 1');
    subscribe('slow 2');
    ends[0]!(new Error('damaged'));
    await turns(2);
    expect(await failed[0]).toMatchObject({ message: 'damaged' });
    expect(shown).toEqual(['slow 1', 'slow 2']);
  });

  it('end with the connection', async () => {
    const { connection, shown, ends, subscribe } = kit();
    subscribe('slow 1');
    subscribe('slow 2');
    connection.closed = true;
    ends[0]!();
    await turns(2);
    expect(shown).toEqual(['slow 1']);
  });

  it('end the connection of a client that lets too many of them wait', () => {
    const { connection, subscribe } = kit(3);
    for (let count = 0; count < 3; count++) subscribe('slow');
    expect(connection.closed).toBe(false);
    subscribe('slow');
    expect(connection.closed).toBe(true);
  });
});
