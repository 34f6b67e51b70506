/** A server that the SDKs call: keeps what they send, as our HTTP reader would hand it out, and answers what it is told. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { HttpAnswer, HttpRequest } from '../../../src/net/http/http-exchange.ts';
import { requestOf } from './request-of.ts';

export class SdkEndpoint {
  readonly #server: Server;
  answerWith: (request: HttpRequest) => HttpAnswer = () => ({ status: 200, body: '{}' });

  constructor() {
    this.#server = createServer(async (message, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of message) chunks.push(chunk);
      const headers: [string, string][] = [];
      for (let at = 0; at < message.rawHeaders.length; at += 2) {
        headers.push([message.rawHeaders[at]!, message.rawHeaders[at + 1]!]);
      }
      const request = requestOf({
        method: message.method!,
        target: message.url!,
        headers,
        body: Buffer.concat(chunks),
      });
      const { status, contentType, headers: more, body } = this.#answer(request);
      response.writeHead(status, {
        'content-type': contentType,
        ...Object.fromEntries(more ?? []),
      });
      response.end(body);
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
