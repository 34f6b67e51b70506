import { expect, test } from 'vitest';
import { connect } from '../connect/connect.ts';
import { MemoryDriver } from '../driver/testing/memory-driver.ts';
import type { QueueOptions, SendOptions } from '../queue/queue.ts';
import { createClient } from './create-client.ts';

const mq = createClient(new MemoryDriver(), {});
const handler = (): void => undefined;
const wrong = { retries: 3 } as object;

test.each([
  ['a queue', 'queue "q1" has no option "retries"', () => mq.queue('q1', wrong)],
  [
    'the retries of a queue',
    'retry of queue "q2" has no option "retries"',
    () => mq.queue('q2', { retry: { max: 1, ...wrong } } as QueueOptions),
  ],
  ['a send', 'a send to queue "q3" has', () => mq.queue('q3').send(1, wrong)],
  [
    'a batch',
    'a send to queue "q3" has no option "delayMs"',
    () => mq.queue('q3').sendBatch([{ data: 1, delayMs: 5 } as { data: number } & SendOptions]),
  ],
  ['a receive', 'a receive from queue "q4" has', () => mq.queue('q4').receive(wrong)],
  ['a consumer', 'a consumer of queue "q5" has', () => mq.queue('q5').consume(handler, wrong)],
  ['a topic', 'topic "t1" has', () => mq.topic('t1', wrong)],
  ['a publish', 'a publish to topic "t2" has', () => mq.topic('t2').publish(1, wrong)],
  [
    'a subscription',
    'a subscription to topic "t3" has',
    () => mq.topic('t3').subscribe(handler, wrong),
  ],
  ['a group', 'group "g" of topic "t4" has', () => mq.topic('t4').group('g', wrong)],
  ['connect', 'connect has no option "retries"', () => connect('memory:', wrong)],
])('an unknown option of %s is refused by name', async (_, text, use) => {
  await expect(async () => use()).rejects.toThrow(
    expect.objectContaining({ code: 'invalid-argument', message: expect.stringContaining(text) }),
  );
});
