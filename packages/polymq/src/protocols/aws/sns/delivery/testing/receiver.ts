/** A real HTTP server on this machine that records what it gets. */
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Received {
  url: string;
  headers: IncomingHttpHeaders;
  body: string;
}

export interface Receiver {
  /** Such as `http://127.0.0.1:40000`. */
  readonly url: string;
  readonly received: Received[];
  /** Requests that were not answered yet, and the most there ever were. */
  readonly open: { now: number; most: number };
  /** Resolves when so many requests have come in all. */
  until(count: number): Promise<Received[]>;
  close(): Promise<void>;
}

/** Answers a request; `index` counts them. */
export type Answer = (response: ServerResponse, index: number, request: Received) => void;

export function status(...codes: number[]): Answer {
  return (response, index) => {
    response.writeHead(codes[Math.min(index, codes.length - 1)]!).end();
  };
}

export async function startReceiver(answer: Answer = status(200)): Promise<Receiver> {
  const received: Received[] = [];
  const open = { now: 0, most: 0 };
  const waiting: { count: number; resolve: () => void }[] = [];
  const server = createServer((request, response) => {
    open.now += 1;
    open.most = Math.max(open.most, open.now);
    response.on('close', () => {
      open.now -= 1;
    });
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { url = '', headers } = request;
      const one = { url, headers, body: Buffer.concat(chunks).toString() };
      received.push(one);
      answer(response, received.length - 1, one);
      for (const { count, resolve } of waiting) if (received.length >= count) resolve();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    open,
    until: async (count) => {
      if (received.length < count) {
        await new Promise<void>((resolve) => waiting.push({ count, resolve }));
      }
      return received;
    },
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
