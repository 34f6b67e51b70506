import { describe, expect, it } from 'vitest';
import { ManualClock, settled } from '../../driver/testing/manual-clock.ts';
import { PolymqError } from '../../errors.ts';
import { type BatchAnswer, batchRequest } from './batch-request.ts';

const what = { action: 'SendMessageBatch', target: 'orders' };

function start(answers: BatchAnswer[], timeoutMs = 10_000) {
  const clock = new ManualClock();
  const asked: string[][] = [];
  const context = { clock, timeoutMs, clientName: 'test', onConnection: () => {} };
  const entries = [{ body: 'a' }, { body: 'b' }, { body: 'c' }];
  const outcomes = batchRequest(context, what, entries, async (sent) => {
    asked.push(sent.map((entry) => (entry as { body: string }).body));
    return answers.shift()!;
  });
  return { clock, asked, outcomes };
}

const THROTTLED = { Code: 'RequestThrottled', Message: 'slow down' };

describe('a batch request', () => {
  it('answers per entry', async () => {
    const { outcomes } = start([
      {
        Successful: [{ Id: '2' }, { Id: '0', MessageId: 'm', SequenceNumber: '7' }],
        Failed: [{ Id: '1', Code: 'InvalidMessageContents', Message: 'no' }],
      },
    ]);
    const [first, second, third] = await outcomes;
    expect(first).toMatchObject({ SequenceNumber: '7' });
    expect(second).toMatchObject({ code: 'invalid-argument' });
    expect(third).toMatchObject({ Id: '2' });
  });

  it('sends again, after a while, what the engine was too busy for', async () => {
    const { clock, asked, outcomes } = start([
      {
        Successful: [{ Id: '1' }],
        Failed: [
          { Id: '2', ...THROTTLED },
          { Id: '0', ...THROTTLED },
        ],
      },
      { Successful: [{ Id: '0' }], Failed: [{ Id: '2', ...THROTTLED }] },
      { Successful: [{ Id: '2' }] },
    ]);
    await settled();
    expect(asked.length).toBe(1);
    await clock.advance('1s');
    expect(asked).toEqual([['a', 'b', 'c'], ['a', 'c'], ['c']]);
    expect((await outcomes).some((outcome) => outcome instanceof PolymqError)).toBe(false);
  });

  it('gives up when the time is over, and says why', async () => {
    const busy = { Failed: [{ Id: '0', ...THROTTLED }], Successful: [{ Id: '1' }, { Id: '2' }] };
    const again = { Failed: [{ Id: '0', ...THROTTLED }] };
    const { clock, outcomes } = start([busy, again, again, again], 200);
    await clock.advance('1s');
    const [first] = await outcomes;
    expect(first).toMatchObject({ code: 'engine-failed', retryable: true });
    expect((first as Error).message).toContain('RequestThrottled');
  });

  it('does not take silence for success', async () => {
    const { outcomes } = start([{ Successful: [{ Id: '0' }] }]);
    expect((await outcomes)[1]).toMatchObject({ code: 'engine-failed' });
  });
});
