import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { systemClock } from '../../lib/clock.ts';
import { PolymqHttp } from './http.ts';

let server: Server | undefined;

afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

async function listen(handler: RequestListener): Promise<PolymqHttp> {
  const own = createServer(handler);
  server = own;
  await new Promise<void>((resolve) => own.listen(0, '127.0.0.1', resolve));
  const { port } = own.address() as AddressInfo;
  return new PolymqHttp(new URL(`http://127.0.0.1:${port}`), {
    clock: systemClock,
    timeoutMs: 10_000,
    clientName: 'test',
    onConnection: () => undefined,
  });
}

test('many requests at once share few connections', async () => {
  let open = 0;
  let mostOpen = 0;
  let connections = 0;
  const http = await listen((_request, response) => {
    open += 1;
    mostOpen = Math.max(mostOpen, open);
    setImmediate(() => {
      open -= 1;
      response.end('{}');
    });
  });
  server!.on('connection', () => {
    connections += 1;
  });
  await Promise.all(Array.from({ length: 200 }, () => http.ask('asking', { path: '/' })));
  expect(mostOpen).toBeLessThanOrEqual(16);
  expect(connections).toBeLessThanOrEqual(16);
});

test('those that wait for something hold up no others', async () => {
  const http = await listen((request, response) => {
    if (request.url === '/') response.end('{"here": true}');
  });
  const stop = new AbortController();
  const waiting = Array.from({ length: 20 }, () =>
    http.ask('waiting', { path: '/wait', waitMs: 60_000, signal: stop.signal }),
  );
  expect(await http.ask('asking', { path: '/' })).toEqual({ here: true });
  stop.abort();
  const outcomes = await Promise.allSettled(waiting);
  expect(outcomes.every(({ status }) => status === 'rejected')).toBe(true);
});

test('what changes nothing is repeated when its connection was lost, and nothing else', async () => {
  const seen: string[] = [];
  const http = await listen((request, response) => {
    seen.push(request.method!);
    if (seen.length % 2 === 1) request.socket.resetAndDestroy();
    else response.end('{"done": true}');
  });
  expect(await http.ask('looking', { path: '/' })).toEqual({ done: true });
  const changing = http.ask('changing', { path: '/', body: {} });
  await expect(changing).rejects.toMatchObject({ code: 'disconnected' });
  expect(seen).toEqual(['GET', 'GET', 'POST']);
});
