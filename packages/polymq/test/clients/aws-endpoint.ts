/** An HTTP endpoint that SNS can deliver to, and the check of what it signs. */
import { createVerify } from 'node:crypto';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { eventually } from './peer.ts';

export interface Delivery {
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
}

/** What SNS posts, and what an SQS queue holds when the subscription is not raw. */
export interface Envelope {
  Type: string;
  MessageId: string;
  TopicArn: string;
  Message: string;
  Timestamp: string;
  SignatureVersion: string;
  Signature: string;
  SigningCertURL: string;
  Subject?: string;
  Token?: string;
  SubscribeURL?: string;
  UnsubscribeURL?: string;
  MessageAttributes?: Record<string, { Type: string; Value: string }>;
}

export interface HttpEndpoint {
  readonly url: string;
  readonly deliveries: Delivery[];
  /** The status of the next answers; the last one stays. */
  statuses: number[];
  /** Resolves with all that came once that is at least `count`. */
  waitFor(count: number): Promise<Delivery[]>;
  close(): Promise<void>;
}

export async function startEndpoint(): Promise<HttpEndpoint> {
  const deliveries: Delivery[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url: path = '', headers } = request;
      deliveries.push({ method, path, headers, body: Buffer.concat(chunks).toString() });
      const { statuses } = endpoint;
      response.writeHead((statuses.length > 1 ? statuses.shift() : statuses[0]) ?? 200).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const endpoint: HttpEndpoint = {
    url: `http://127.0.0.1:${port}/deliveries`,
    deliveries,
    statuses: [200],
    waitFor: (count) =>
      eventually(`${count} deliveries came`, () =>
        deliveries.length >= count ? deliveries : undefined,
      ),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return endpoint;
}

const SIGNED_OF_NOTIFICATIONS = [
  'Message',
  'MessageId',
  'Subject',
  'Timestamp',
  'TopicArn',
  'Type',
] as const;
const SIGNED_OF_CONFIRMATIONS = [
  'Message',
  'MessageId',
  'SubscribeURL',
  'Timestamp',
  'Token',
  'TopicArn',
  'Type',
] as const;

/**
 * Whether the signature is right, by AWS's description ("Verifying the signatures of Amazon SNS messages"): each name and
 * value that is there, a line each, in this order, signed with the key of the certificate at `SigningCertURL`.
 */
export async function signatureIsRight(envelope: Envelope): Promise<boolean> {
  const answer = await fetch(envelope.SigningCertURL);
  if (answer.status !== 200) throw new Error(`the certificate is not there: ${answer.status}`);
  const certificate = await answer.text();
  const names =
    envelope.Type === 'Notification' ? SIGNED_OF_NOTIFICATIONS : SIGNED_OF_CONFIRMATIONS;
  const verify = createVerify(envelope.SignatureVersion === '1' ? 'RSA-SHA1' : 'RSA-SHA256');
  for (const name of names) {
    const value = envelope[name];
    if (value !== undefined) verify.update(`${name}\n${value}\n`);
  }
  return verify.verify(certificate, envelope.Signature, 'base64');
}
