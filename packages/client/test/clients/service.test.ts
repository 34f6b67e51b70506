/** Services over every engine that carries requests, between two clients, with responders that come and go. */
import { type Client, PolymqError, service } from '@polymq/client';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { everyEngine } from '../support/every-engine.ts';

interface Calculator {
  add: { request: { a: number; b: number }; reply: number };
  fail: { request: string; reply: never };
  slow: { request: null; reply: string };
}

const { ways, stop } = await everyEngine('request-reply');
const opened: Client[] = [];

afterEach(async () => {
  await Promise.all(opened.splice(0).map((client) => client.close({ drain: 0 })));
});
afterAll(() => stop());

let names = 0;
const newName = (): string => `calculator-${process.pid}-${++names}`;

async function failureOf(promise: Promise<unknown>): Promise<PolymqError> {
  const outcome = await promise.catch((error: unknown) => error);
  expect(outcome).toBeInstanceOf(PolymqError);
  return outcome as PolymqError;
}

/** An embedded broker lives in its client, so that both sides share one there. */
async function twoClients(name: string, open: () => Promise<Client>): Promise<[Client, Client]> {
  const first = await open();
  const second = name === 'embedded' ? first : await open();
  opened.push(...new Set([first, second]));
  return [first, second];
}

function answering(mq: Client, name: string) {
  return service<Calculator>(mq, name)
    .handle('add', ({ a, b }) => a + b)
    .handle('fail', (text) => {
      throw new RangeError(text);
    });
}

/** Its one answer is given when the test says so. */
async function slowResponder(serving: Client, name: string) {
  let answer: (text: string) => void = () => {};
  const responder = service<Calculator>(serving, name).handle(
    'slow',
    () =>
      new Promise<string>((resolve) => {
        answer = resolve;
      }),
  );
  await responder.ready();
  return { responder, answer: (text: string) => answer(text) };
}

describe.each(ways)('a service over %s', (name, open) => {
  it('answers, and brings back what handlers throw', async () => {
    const [asking, serving] = await twoClients(name, open);
    const its = newName();
    const responder = answering(serving, its);
    await responder.ready();
    const calculator = service<Calculator>(asking, its);
    const sums = await Promise.all(
      Array.from({ length: 50 }, (_, a) => calculator.request('add', { a, b: 1 })),
    );
    expect(sums).toEqual(Array.from({ length: 50 }, (_, a) => a + 1));
    expect(await failureOf(calculator.request('fail', 'too far'))).toMatchObject({
      code: 'request-failed',
      cause: { name: 'RangeError', message: 'too far' },
    });
    expect((await failureOf(calculator.request('slow', null))).message).toContain(
      'UnknownOperation',
    );
  });

  it('gives up a request in time, and counts the reply that comes too late', async () => {
    const [asking, serving] = await twoClients(name, open);
    const its = newName();
    const { responder, answer } = await slowResponder(serving, its);
    const calculator = service<Calculator>(asking, its);
    const error = await failureOf(calculator.request('slow', null, { timeout: '2s' }));
    expect(error).toMatchObject({ code: 'timeout', retryable: true });
    await expect.poll(() => responder.running, { timeout: 20_000 }).toBe(1);
    answer('late');
    await expect.poll(() => calculator.lateReplies, { timeout: 20_000 }).toBe(1);
  });

  it('finishes what it has begun when it closes, and is not asked again', async () => {
    const [asking, serving] = await twoClients(name, open);
    const its = newName();
    const { responder, answer } = await slowResponder(serving, its);
    const calculator = service<Calculator>(asking, its);
    const asked = calculator.request('slow', null);
    await expect.poll(() => responder.running, { timeout: 20_000 }).toBe(1);
    const closed = responder.close();
    answer('done');
    expect(await asked).toBe('done');
    await closed;
  });

  it('shares requests among responders', async () => {
    const [asking, serving] = await twoClients(name, open);
    const its = newName();
    const handled = [0, 0];
    const responders = [serving, asking].map((mq, index) =>
      service<Calculator>(mq, its).handle('add', async ({ a, b }) => {
        handled[index]! += 1;
        await new Promise((resolve) => setTimeout(resolve, 5));
        return a + b;
      }),
    );
    await Promise.all(responders.map((responder) => responder.ready()));
    const calculator = service<Calculator>(asking, its);
    await Promise.all(
      Array.from({ length: 200 }, (_, a) => calculator.request('add', { a, b: 1 })),
    );
    expect(handled[0]! + handled[1]!).toBe(200);
  });
});

const telling = ways.filter(([name]) => name !== 'kafka');
it.each(telling)('fails at once over %s when nobody serves', async (_name, open) => {
  const mq = await open();
  opened.push(mq);
  const error = await failureOf(service(mq, newName()).request('add', null));
  expect(error).toMatchObject({ code: 'no-responder', retryable: true });
});
