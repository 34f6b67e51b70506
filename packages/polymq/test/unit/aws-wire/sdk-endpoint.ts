/** A server that the SDKs call: keeps what they send, as our HTTP reader would hand it out, and answers what it is told. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { HttpAnswer, HttpRequest } from '../../../src/net/http/http-exchange.ts';
import { requestOf } from './request-of.ts';

export class SdkEndpoint {
  readonly #server: Server;
  answerWith: (request: HttpRequest) => HttpAnswer = () => ({ status: 200, body: '{}' });

  constructor() {
    this.#server = createServer((message, response) => {
      const chunks: Buffer[] = [];
      message.on('data', (chunk: Buffer) => chunks.push(chunk));
      message.on('end', () => {
        const request = requestOf({
          method: message.method!,
          target: message.url!,
          headers: pairsOf(message.rawHeaders),
          body: Buffer.concat(chunks),
        });
        const { status, contentType, headers, body } = this.#answer(request);
        response.writeHead(status, {
          'content-type': contentType,
          ...Object.fromEntries(headers ?? []),
        });
        response.end(body);
      });
    });
  }

  #answer(request: HttpRequest): HttpAnswer {
    try {
      return this.answerWith(request);
    } catch (error) {
      return { status: 599, contentType: 'text/plain', body: String(error) };
    }
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

function pairsOf(raw: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let at = 0; at < raw.length; at += 2) pairs.push([raw[at]!, raw[at + 1]!]);
  return pairs;
}
