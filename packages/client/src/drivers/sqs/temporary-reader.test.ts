import { expect, it } from 'vitest';
import { ManualClock, settled } from '../../driver/testing/manual-clock.ts';
import { PolymqError } from '../../errors.ts';
import { deferred } from '../../lib/deferred.ts';
import type { Aws, CallOptions } from './aws.ts';
import { Settler } from './settle.ts';
import type { TemporaryQueue } from './temporary-queues.ts';
import { TemporaryReader } from './temporary-reader.ts';
import { UnseenReceives } from './unseen-receives.ts';

it('reads at once, and fetches again when all is read and deleted', async () => {
  const fetched: ReturnType<typeof deferred<unknown>>[] = [];
  const deleted: ReturnType<typeof deferred<unknown>>[] = [];
  const fake = {
    context: { clock: new ManualClock(), timeoutMs: 1000, clientName: 't', onConnection: () => {} },
    unseen: new UnseenReceives(),
    sqs: (action: string, _: unknown, { signal }: CallOptions): Promise<unknown> => {
      const answer = deferred<unknown>();
      (action === 'ReceiveMessage' ? fetched : deleted).push(answer);
      signal?.addEventListener('abort', () => answer.reject(new PolymqError('closed', 'cut')));
      return answer.promise;
    },
  };
  const aws = fake as unknown as Aws;
  const read: string[] = [];
  const reading = deferred<void>();
  const reader = new TemporaryReader({
    aws,
    settler: new Settler(aws),
    queue: { name: 'q', url: 'u', close: async () => {} } as unknown as TemporaryQueue,
    pollMs: 20_000,
    read: (deliveries) => {
      read.push(...deliveries.map(({ id }) => id));
      return reading.promise;
    },
    renew: async () => {},
    ended: () => {},
  });
  fetched[0]!.resolve({ Messages: [{ MessageId: 'a', ReceiptHandle: 'a', Body: 'a' }] });
  await settled();
  expect([read, deleted.length, fetched.length]).toEqual([['a'], 1, 1]);
  deleted[0]!.resolve({ Successful: [{ Id: '0' }] });
  await settled();
  expect(fetched.length).toBe(2);
  fetched[1]!.resolve({ Messages: [{ MessageId: 'b', ReceiptHandle: 'b', Body: 'b' }] });
  await settled();
  expect(read).toEqual(['a']);
  reading.resolve();
  await settled();
  expect([read, deleted.length]).toEqual([['a', 'b'], 2]);
  deleted[1]!.reject(new PolymqError('engine-failed', 'not now'));
  await settled();
  expect(fetched.length).toBe(3);
  await reader.close();
});
