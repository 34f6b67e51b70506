import { describe, expect, it } from 'vitest';
import { createClient } from '../../client/create-client.ts';
import type { RequestDriver } from '../../driver/driver.ts';
import { settled } from '../../driver/testing/manual-clock.ts';
import { MemoryDriver } from '../../driver/testing/memory-driver.ts';
import { PolymqError } from '../../errors.ts';
import { deferred } from '../../lib/deferred.ts';
import type { MessageContract } from '../../message/contract.ts';
import { service } from './service.ts';
import type { ServiceOptions, ServiceRequest } from './types.ts';

interface Calculator {
  add: { request: { a: number; b: number }; reply: number };
  divide: { request: { a: number; b: number }; reply: number };
}

function start(options: ServiceOptions<Calculator> = {}) {
  const driver = new MemoryDriver();
  const errors: unknown[] = [];
  const mq = createClient(driver, { onError: (error) => errors.push(error) });
  const calculator = service<Calculator>(mq, 'calculator', options);
  return { driver, mq, calculator, clock: driver.clock, errors };
}

/** What it rejects with. */
async function failure(promise: Promise<unknown>): Promise<PolymqError> {
  const outcome = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(outcome).toBeInstanceOf(PolymqError);
  return outcome as PolymqError;
}

describe('a service', () => {
  it('answers requests by operation', async () => {
    const { calculator } = start();
    calculator.handle('add', ({ a, b }) => a + b);
    calculator.handle('divide', async ({ a, b }) => a / b);
    await calculator.ready();
    const [sum, quotient] = await Promise.all([
      calculator.request('add', { a: 1, b: 2 }),
      calculator.request('divide', { a: 6, b: 2 }),
    ]);
    expect([sum, quotient]).toEqual([3, 3]);
  });

  it('lets requests fail at once when nobody serves', async () => {
    const { calculator, clock } = start();
    const error = await failure(calculator.request('add', { a: 1, b: 2 }));
    expect(error).toMatchObject({ code: 'no-responder', retryable: true });
    expect(clock.timers).toBe(0);
  });

  it('brings back what a handler throws, with its name and text', async () => {
    const { calculator } = start();
    calculator.handle('divide', ({ b }) => {
      if (b === 0) throw new RangeError('division by zero');
      return 1;
    });
    await calculator.ready();
    const error = await failure(calculator.request('divide', { a: 1, b: 0 }));
    expect(error).toMatchObject({
      code: 'request-failed',
      message: 'service "calculator" failed at "divide": RangeError: division by zero',
      cause: { name: 'RangeError', message: 'division by zero' },
    });
    expect(await calculator.request('divide', { a: 1, b: 1 })).toBe(1);
  });

  it('says so when it has no such operation', async () => {
    const { calculator } = start();
    calculator.handle('add', () => 0);
    await calculator.ready();
    const error = await failure(calculator.request('divide', { a: 1, b: 0 }));
    expect(error.message).toContain('UnknownOperation');
    expect(error.message).toContain('it has add');
  });

  it('drops a reply that comes too late, and counts it', async () => {
    const { calculator, clock } = start();
    const gate = deferred<number>();
    calculator.handle('add', () => gate.promise);
    await calculator.ready();
    const asked = failure(calculator.request('add', { a: 1, b: 2 }, { timeout: '2s' }));
    await clock.advance('3s');
    expect(await asked).toMatchObject({ code: 'timeout', retryable: true });
    expect(calculator.lateReplies).toBe(0);
    gate.resolve(3);
    await settled();
    expect(calculator.lateReplies).toBe(1);
  });

  it('begins no handler for a request whose sender waits no longer', async () => {
    const { calculator, clock } = start({ concurrency: 1 });
    const gate = deferred<number>();
    let handled = 0;
    calculator.handle('add', () => {
      handled += 1;
      return gate.promise;
    });
    await calculator.ready();
    const first = calculator.request('add', { a: 1, b: 2 }, { timeout: '1m' });
    const second = failure(calculator.request('add', { a: 1, b: 2 }, { timeout: '2s' }));
    await clock.advance('3s');
    expect((await second).code).toBe('timeout');
    gate.resolve(3);
    expect(await first).toBe(3);
    await settled();
    expect([handled, calculator.expiredRequests]).toEqual([1, 1]);
  });

  it('tells a handler when nobody waits for it any more', async () => {
    const { calculator, clock } = start();
    const seen = deferred<ServiceRequest>();
    const gate = deferred<number>();
    calculator.handle('add', (_, request) => {
      request.signal.throwIfAborted();
      seen.resolve(request);
      return gate.promise;
    });
    await calculator.ready();
    const asked = failure(calculator.request('add', { a: 1, b: 2 }, { timeout: '2s' }));
    const request = await seen.promise;
    expect(request).toMatchObject({ operation: 'add', data: { a: 1, b: 2 } });
    expect(request.deadline).toBe(clock.nowMs() + 2000);
    await clock.advance('2s');
    expect(request.signal.aborted).toBe(true);
    expect((await asked).code).toBe('timeout');
    gate.resolve(1);
  });

  it('stops waiting when the caller says so', async () => {
    const { calculator, clock } = start();
    calculator.handle('add', () => new Promise<number>(() => {}));
    await calculator.ready();
    const abort = new AbortController();
    const asked = calculator.request('add', { a: 1, b: 2 }, { signal: abort.signal });
    await settled();
    abort.abort(new Error('enough'));
    await expect(asked).rejects.toThrow('enough');
    expect(clock.timers).toBe(0);
  });

  it('finishes what is under way before it closes', async () => {
    const { calculator, mq } = start();
    const gate = deferred<number>();
    calculator.handle('add', () => gate.promise);
    await calculator.ready();
    const asked = calculator.request('add', { a: 1, b: 2 });
    await settled();
    expect(calculator.running).toBe(1);
    const closed = mq.close();
    await settled();
    gate.resolve(3);
    expect(await asked).toBe(3);
    await closed;
    expect((await failure(calculator.request('add', { a: 1, b: 2 }))).code).toBe('closed');
  });

  it('aborts what does not end in time when it is closed', async () => {
    const { calculator, clock } = start();
    let signal: AbortSignal | undefined;
    calculator.handle('add', (_, request) => {
      signal = request.signal;
      return new Promise<number>(() => {});
    });
    await calculator.ready();
    const asked = failure(calculator.request('add', { a: 1, b: 2 }));
    await settled();
    const closed = calculator.close({ drain: '1s' });
    await clock.advance('1s');
    await closed;
    expect(signal?.aborted).toBe(true);
    expect((await asked).code).toBe('closed');
  });

  it('checks requests and replies by their contracts', async () => {
    const positive: MessageContract<number> = {
      name: 'Positive',
      version: 1,
      encode: (data) => {
        if (data <= 0) throw new PolymqError('invalid-message', 'not positive');
        return { body: Buffer.from(`${data}`), contentType: 'application/json' };
      },
      decode: ({ body }) => Number(Buffer.from(body).toString()),
    };
    const { calculator } = start({ contracts: { add: { reply: positive } } });
    calculator.handle('add', ({ a, b }) => a + b);
    await calculator.ready();
    expect(await calculator.request('add', { a: 1, b: 2 })).toBe(3);
    const error = await failure(calculator.request('add', { a: 1, b: -2 }));
    expect(error.message).toContain('not positive');
  });

  it('passes interceptors both ways, errors included', async () => {
    const driver = new MemoryDriver();
    const mq = createClient(driver);
    const swap = (body: Uint8Array): Uint8Array => body.map((byte) => byte ^ 0xff);
    let bodies = 0;
    mq.use({
      name: 'swap',
      outgoing: (message) => ({ ...message, body: swap(message.body) }),
      incoming: (message) => {
        bodies += 1;
        return { ...message, body: swap(message.body) };
      },
    });
    const echo = service(mq, 'echo').handle('echo', (data) => data);
    echo.handle('fail', () => {
      throw new Error('secret');
    });
    await echo.ready();
    expect(await echo.request('echo', { x: 1 })).toEqual({ x: 1 });
    expect((await failure(echo.request('fail', 1))).message).toContain('Error: secret');
    expect(bodies).toBe(4);
  });

  it('refuses a second handler for an operation', () => {
    const { calculator } = start();
    calculator.handle('add', () => 1);
    expect(() => calculator.handle('add', () => 2)).toThrow(/has a handler already/);
  });

  it('refuses an engine without requests', () => {
    const mq = createClient(new MemoryDriver({ without: ['request-reply'] }));
    expect(() => service(mq, 'x')).toThrow(/request-reply/);
  });

  it('shares one inbox among the services of a client', async () => {
    const { calculator, mq } = start();
    const other = service(mq, 'other').handle('name', () => 'other');
    calculator.handle('add', ({ a, b }) => a + b);
    await Promise.all([calculator.ready(), other.ready()]);
    const asked = [calculator.request('add', { a: 1, b: 1 }), other.request('name', null)];
    expect(await Promise.all(asked)).toEqual([2, 'other']);
  });

  it('serves again when the engine has ended it, and tells', async () => {
    const { calculator, driver, errors } = start();
    const requests: RequestDriver = driver.requests!;
    const serve = requests.serve.bind(requests);
    const ends: ((error: PolymqError) => void)[] = [];
    let refused: PolymqError | undefined;
    requests.serve = async (name, prefetch, sink, ended) => {
      if (refused !== undefined) throw refused;
      ends.push(ended!);
      return serve(name, prefetch, sink);
    };
    calculator.handle('add', ({ a, b }) => a + b);
    await calculator.ready();
    const deleted = new PolymqError('not-found', 'its queue was deleted');
    ends[0]!(deleted);
    await settled();
    expect(ends).toHaveLength(2);
    refused = new PolymqError('access-refused', 'not any more');
    ends[1]!(deleted);
    await settled();
    expect(errors).toEqual([deleted, deleted, refused]);
    await calculator.close();
    ends[1]!(deleted);
    await settled();
    expect(errors).toHaveLength(3);
  });
});
