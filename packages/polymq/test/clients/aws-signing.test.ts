/** A broker with credentials: who is let in, and what others are told, on both wires. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  attributesOf,
  bodiesOf,
  newQueue,
  receive,
  refusal,
  snsClient,
  sqsClient,
} from './aws-client.ts';
import { AWS_PEER_IS_POLYMQ, type AwsPeer, startAwsPeer } from './aws-peer.ts';
import { jsonRequest, presigned, queryRequest, send, signed } from './aws-raw.ts';

const KEYS = { accessKeyId: 'AKIDTEST', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfi' };
let peer: AwsPeer;

beforeAll(async () => {
  if (!AWS_PEER_IS_POLYMQ) return;
  const { accessKeyId, secretAccessKey } = KEYS;
  peer = await startAwsPeer({
    env: { POLYMQ_AWS__ACCESS_KEYS: `${accessKeyId}:${secretAccessKey},OTHER:secret` },
  });
});
afterAll(() => peer?.stop());

const minutesAway = (minutes: number): Date => new Date(Date.now() + minutes * 60_000);

// Emulators let everybody in.
describe.skipIf(!AWS_PEER_IS_POLYMQ)('with credentials configured', () => {
  test('who knows the secret is let in, with both services', async () => {
    const sqs = sqsClient(peer, KEYS);
    const queue = await newQueue(sqs);
    await sqs.sendMessage({ QueueUrl: queue, MessageBody: 'signed' });
    expect(bodiesOf(await receive(sqs, queue))).toEqual(['signed']);
    expect((await snsClient(peer, KEYS).listTopics({})).$metadata.httpStatusCode).toBe(200);
  });

  test('a wrong secret and an unknown key are told apart', async () => {
    const wrong = sqsClient(peer, { ...KEYS, secretAccessKey: 'wrong' });
    expect(await refusal(wrong.listQueues({}))).toMatchObject({
      name: expect.stringMatching(/^(SignatureDoesNotMatch|InvalidSignatureException)$/),
      status: 403,
    });
    const unknown = sqsClient(peer, { ...KEYS, accessKeyId: 'NOBODY' });
    expect(await refusal(unknown.listQueues({}))).toMatchObject({
      name: expect.stringMatching(/^(InvalidClientTokenId|UnrecognizedClientException)$/),
      status: 403,
    });
  });

  const WIRES = {
    json: (input: Record<string, string>) => jsonRequest('SendMessage', input),
    query: (input: Record<string, string>) => queryRequest('SendMessage', input),
  };

  describe.each(Object.entries(WIRES))('over %s', (_, requestOf) => {
    async function untouched(
      work: (request: ReturnType<typeof requestOf>) => Promise<void>,
    ): Promise<void> {
      const sqs = sqsClient(peer, KEYS);
      const QueueUrl = await newQueue(sqs);
      await work(requestOf({ QueueUrl, MessageBody: 'x' }));
      expect(await attributesOf(sqs, QueueUrl)).toMatchObject({ ApproximateNumberOfMessages: '0' });
    }

    test('our own signature is accepted', async () => {
      const QueueUrl = await newQueue(sqsClient(peer, KEYS));
      const request = signed(peer, requestOf({ QueueUrl, MessageBody: 'x' }), KEYS);
      expect((await send(peer, request)).status).toBe(200);
    });

    test('no signature', () =>
      untouched(async (request) => {
        const { status, code } = await send(peer, request);
        expect(status).toBe(403);
        expect(code).toMatch(/^MissingAuthenticationToken(Exception)?$/);
      }));

    test('a body that is another than was signed', () =>
      untouched(async (request) => {
        const { headers } = signed(peer, request, KEYS);
        const forged = { ...request, body: request.body!.replace('x', 'y'), headers: headers! };
        const { status, code } = await send(peer, forged);
        expect(status).toBe(403);
        expect(code).toMatch(/^(SignatureDoesNotMatch|InvalidSignatureException)$/);
      }));

    test.each([
      ['behind', -20],
      ['ahead', 20],
    ])('a clock that is %s', (__, minutes) =>
      untouched(async (request) => {
        const at = minutesAway(minutes);
        const { status, code } = await send(peer, signed(peer, request, { ...KEYS, at }));
        expect(code).toMatch(
          /^(SignatureDoesNotMatch|InvalidSignatureException|RequestExpired|RequestTimeTooSkewed)$/,
        );
        expect([400, 403]).toContain(status);
      }),
    );

    test('a clock that is a little wrong does not matter', async () => {
      const QueueUrl = await newQueue(sqsClient(peer, KEYS));
      const request = requestOf({ QueueUrl, MessageBody: 'x' });
      const answer = await send(peer, signed(peer, request, { ...KEYS, at: minutesAway(-10) }));
      expect(answer.status).toBe(200);
    });

    test('the signature of another service', () =>
      untouched(async (request) => {
        const answer = await send(peer, signed(peer, request, { ...KEYS, service: 's3' }));
        expect(answer.status).toBe(403);
        expect(answer.code).toMatch(/^(SignatureDoesNotMatch|InvalidSignatureException)$/);
      }));

    test.each([
      [
        'half a header',
        'AWS4-HMAC-SHA256 Credential=AKIDTEST/20200101/eu-central-1/sqs/aws4_request',
      ],
      ['another scheme', 'Basic QUtJRFRFU1Q6c2VjcmV0'],
      [
        'no credential scope',
        'AWS4-HMAC-SHA256 Credential=AKIDTEST, SignedHeaders=host, Signature=00',
      ],
    ])('%s', (__, authorization) =>
      untouched(async (request) => {
        const { date } = { date: new Date().toISOString().replace(/[-:]|\.\d+/g, '') };
        const headers = { ...request.headers, 'x-amz-date': date, authorization };
        const { status, code } = await send(peer, { ...request, headers });
        expect([400, 403]).toContain(status);
        expect(code).toMatch(
          /^(IncompleteSignature|MissingAuthenticationToken|InvalidSignature)(Exception)?$/,
        );
      }),
    );
  });

  test('a presigned URL works until it expires, for what it was made for', async () => {
    const sqs = sqsClient(peer, KEYS);
    const queue = await newQueue(sqs);
    const { pathname } = new URL(queue);
    const input = { Action: 'SendMessage', Version: '2012-11-05', MessageBody: 'from a link' };
    const link = (at: Date) =>
      presigned(peer, pathname, input, { ...KEYS, at, expiresSeconds: 60 });
    expect((await send(peer, link(new Date()))).status).toBe(200);
    expect(bodiesOf(await receive(sqs, queue))).toEqual(['from a link']);
    const expired = await send(peer, link(minutesAway(-5)));
    expect([400, 403]).toContain(expired.status);
    const good = link(new Date());
    const other = await send(peer, { ...good, path: good.path!.replace('from', 'xxxx') });
    expect(other.status).toBe(403);
    expect(await receive(sqs, queue)).toEqual([]);
  });

  test('the secret is in no answer and no output', async () => {
    const wrong = await send(
      peer,
      signed(peer, queryRequest('ListQueues'), { ...KEYS, secretAccessKey: 'x' }),
    );
    expect(wrong.body).not.toContain(KEYS.secretAccessKey);
    expect(peer.output()).not.toContain(KEYS.secretAccessKey);
  });
});
