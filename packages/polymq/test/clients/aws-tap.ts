/** A proxy that notes what clients really send, and passes it on with the Host header they chose. */
import { createServer, type IncomingHttpHeaders, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { AwsPeer } from './aws-peer.ts';

export interface TappedRequest {
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
  /** `json` or `query`, as the content type says. */
  wire: 'json' | 'query';
  answer: { status: number; contentType: string; body: string };
}

export interface AwsTap {
  readonly endpoint: string;
  readonly requests: TappedRequest[];
  close(): Promise<void>;
}

export async function startTap(peer: Pick<AwsPeer, 'host' | 'port'>): Promise<AwsTap> {
  const requests: TappedRequest[] = [];
  const server = createServer((incoming, outgoing) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      const body = Buffer.concat(chunks);
      const { method = '', url = '', headers } = incoming;
      const onward = request(
        { host: peer.host, port: peer.port, method, path: url, headers },
        (answer) => {
          const parts: Buffer[] = [];
          answer.on('data', (part: Buffer) => parts.push(part));
          answer.on('end', () => {
            const whole = Buffer.concat(parts);
            const status = answer.statusCode ?? 0;
            requests.push({
              method,
              path: url,
              headers,
              body: body.toString(),
              wire: headers['x-amz-target'] === undefined ? 'query' : 'json',
              answer: {
                status,
                contentType: `${answer.headers['content-type']}`,
                body: whole.toString(),
              },
            });
            outgoing.writeHead(status, answer.headers).end(whole);
          });
        },
      );
      onward.on('error', () => outgoing.destroy());
      onward.end(body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    endpoint: `http://127.0.0.1:${port}`,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
