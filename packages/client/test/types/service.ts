/** What must not compile with services: see `misuse.ts`. */
import { type Client, service } from '@polymq/client';

interface Calculator {
  add: { request: { a: number; b: number }; reply: number };
  name: { request: null; reply: string };
}

declare const mq: Client;

/** Never runs: the compiler is the test. */
export async function wrongRequests(): Promise<void> {
  const calculator = service<Calculator>(mq, 'calculator', { timeout: '2s' });
  const sum: number = await calculator.request('add', { a: 1, b: 2 }, { timeout: 500 });
  calculator.handle('add', ({ a, b }) => a + b + sum).handle('name', async () => 'abacus');
  // @ts-expect-error: no such operation
  await calculator.request('subtract', { a: 1, b: 2 });
  // @ts-expect-error: a field is missing
  await calculator.request('add', { a: 1 });
  // @ts-expect-error: the reply is a number
  const text: string = await calculator.request('add', { a: 1, b: 2 });
  // @ts-expect-error: the handler answers with text
  calculator.handle('add', () => text);
  // @ts-expect-error: the handler expects another request
  calculator.handle('add', (data: { c: number }) => data.c);
  // @ts-expect-error: no option of that name
  service<Calculator>(mq, 'calculator', { timeouts: '2s' });
  // @ts-expect-error: what a service can be asked has a request and a reply
  service<{ add: { request: number } }>(mq, 'calculator');
  const untyped = service(mq, 'anything');
  const reply: unknown = await untyped.request('whatever', { x: 1 });
  // @ts-expect-error: nobody knows what it is
  const length: number = reply.length;
  calculator.handle('name', () => `${length}`);
}
