/** Requests that are wrong, as bytes: on both wires the error that AWS has for it, and nothing half done. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { attributesOf, newQueue, sqsClient } from './aws-client.ts';
import { AWS_PEER_IS_POLYMQ, type AwsPeer, startAwsPeer } from './aws-peer.ts';
import { jsonRequest, queryRequest, type RawRequest, send } from './aws-raw.ts';

let peer: AwsPeer;

beforeAll(async () => {
  if (AWS_PEER_IS_POLYMQ) peer = await startAwsPeer();
});
afterAll(() => peer?.stop());

// Emulators answer most of this with errors of their own making.
describe.skipIf(!AWS_PEER_IS_POLYMQ)('AWS JSON', () => {
  test.each<[what: string, request: RawRequest, code: string, status?: number]>([
    [
      'a body that is no JSON',
      jsonRequest('ListQueues', '{"QueueNamePrefix":'),
      'SerializationException',
    ],
    ['a body that is no object', jsonRequest('ListQueues', '[1]'), 'SerializationException'],
    [
      'a text where a number belongs',
      jsonRequest('ReceiveMessage', { QueueUrl: 'x', MaxNumberOfMessages: 'many' }),
      'SerializationException',
    ],
    [
      'an object where a text belongs',
      jsonRequest('CreateQueue', { QueueName: { a: 1 } }),
      'SerializationException',
    ],
    [
      'a list where a map belongs',
      jsonRequest('CreateQueue', { QueueName: 'x', Attributes: ['a'] }),
      'SerializationException',
    ],
    ['an action that is none', jsonRequest('ExplodeQueue', {}), 'UnknownOperationException', 404],
    [
      'a service that is none',
      {
        ...jsonRequest('x', {}),
        headers: {
          'content-type': 'application/x-amz-json-1.0',
          'x-amz-target': 'DynamoDB_20120810.ListTables',
        },
      },
      'UnknownOperationException',
      404,
    ],
    [
      'a required parameter that is missing',
      jsonRequest('GetQueueUrl', {}),
      'MissingRequiredParameterException',
    ],
    [
      'a queue that is not there',
      jsonRequest('GetQueueUrl', { QueueName: 'nowhere' }),
      'QueueDoesNotExist',
    ],
    [
      'a queue URL of no queue',
      jsonRequest('SendMessage', { QueueUrl: 'http://', MessageBody: 'x' }),
      'QueueDoesNotExist',
    ],
  ])('%s', async (_, request, code, status = 400) => {
    const answer = await send(peer, request);
    expect([answer.status, answer.code]).toEqual([status, code]);
    expect(answer.headers['content-type']).toBe('application/x-amz-json-1.0');
    expect(answer.headers['x-amzn-requestid']).toMatch(/^[0-9a-f-]{36}$/);
    expect(JSON.parse(answer.body)).toMatchObject({ message: expect.any(String) });
  });

  test('the code of the older wire comes in a header', async () => {
    const answer = await send(peer, jsonRequest('GetQueueUrl', { QueueName: 'nowhere' }));
    expect(answer.headers['x-amzn-query-error']).toBe(
      'AWS.SimpleQueueService.NonExistentQueue;Sender',
    );
    expect(JSON.parse(answer.body).__type).toBe('com.amazonaws.sqs#QueueDoesNotExist');
  });
});

// Only of our broker: the emulators have nothing to compare it with.
describe.skipIf(!AWS_PEER_IS_POLYMQ)('the Query protocol', () => {
  test.each<[what: string, request: RawRequest, code: string, status?: number]>([
    ['an action that is none', queryRequest('ExplodeQueue'), 'InvalidAction'],
    ['no action', { ...queryRequest('x'), body: 'Version=2012-11-05' }, 'MissingAction'],
    ['no body', { ...queryRequest('x'), body: '' }, 'MissingAction'],
    [
      'more parameters than any request has',
      { ...queryRequest('x'), body: `Action=ListQueues&${'a=b&'.repeat(5000)}` },
      'MalformedQueryString',
      404,
    ],
    [
      'a number that is none',
      queryRequest('CreateQueue', {
        QueueName: 'x',
        'Attribute.1.Name': 'DelaySeconds',
        'Attribute.1.Value': 'soon',
      }),
      'InvalidAttributeValue',
    ],
    ['a required parameter that is missing', queryRequest('CreateQueue'), 'MissingParameter'],
    [
      'a queue that is not there',
      queryRequest('GetQueueUrl', { QueueName: 'nowhere' }),
      'AWS.SimpleQueueService.NonExistentQueue',
    ],
    [
      'a topic that is not there',
      queryRequest(
        'Publish',
        { TopicArn: 'arn:aws:sns:eu-central-1:000000000000:nowhere', Message: 'x' },
        '2010-03-31',
      ),
      'NotFound',
      404,
    ],
    [
      'an ARN that is none',
      queryRequest('Publish', { TopicArn: 'nowhere', Message: 'x' }, '2010-03-31'),
      'InvalidParameter',
    ],
  ])('%s', async (_, request, code, status = 400) => {
    const answer = await send(peer, request);
    expect([answer.status, answer.code]).toEqual([status, code]);
    expect(answer.headers['content-type']).toMatch(/^text\/xml/);
    expect(answer.body).toMatch(/<Type>Sender<\/Type>/);
    expect(answer.body).toMatch(/<RequestId>[0-9a-f-]{36}<\/RequestId>/);
  });

  test('what is repeated of a request in an answer is escaped', async () => {
    const answer = await send(peer, queryRequest('<script>&"'));
    expect(answer.status).toBe(400);
    expect(answer.body).not.toContain('<script>');
  });
});

// Only of our broker: the emulators have nothing to compare it with.
describe.skipIf(!AWS_PEER_IS_POLYMQ)('both wires', () => {
  async function onBothWires(
    action: string,
    input: Record<string, unknown>,
    query: Record<string, string>,
  ): Promise<(string | undefined)[]> {
    const answers = [
      await send(peer, jsonRequest(action, input)),
      await send(peer, queryRequest(action, query)),
    ];
    return answers.map(({ status, code }) => `${status} ${code}`);
  }

  async function untouched(work: (queueUrl: string) => Promise<void>): Promise<void> {
    const sqs = sqsClient(peer);
    const queue = await newQueue(sqs);
    await work(queue);
    expect(await attributesOf(sqs, queue)).toMatchObject({
      ApproximateNumberOfMessages: '0',
      ApproximateNumberOfMessagesDelayed: '0',
    });
  }

  test('a delay out of range is refused', () =>
    untouched(async (QueueUrl) => {
      const input = { QueueUrl, MessageBody: 'x', DelaySeconds: 901 };
      expect(
        await onBothWires('SendMessage', input, {
          QueueUrl,
          MessageBody: 'x',
          DelaySeconds: '901',
        }),
      ).toEqual(['400 InvalidParameterValueException', '400 InvalidParameterValue']);
    }));

  test('an attribute without a type is refused', () =>
    untouched(async (QueueUrl) => {
      const MessageAttributes = { a: { StringValue: 'x' } };
      const codes = await onBothWires(
        'SendMessage',
        { QueueUrl, MessageBody: 'x', MessageAttributes },
        {
          QueueUrl,
          MessageBody: 'x',
          'MessageAttribute.1.Name': 'a',
          'MessageAttribute.1.Value.StringValue': 'x',
        },
      );
      for (const code of codes)
        expect(code).toMatch(
          /^400 (InvalidParameterValue|MissingParameter|MissingRequiredParameterException)$/,
        );
    }));

  test('an attribute that is no base64 is refused', () =>
    untouched(async (QueueUrl) => {
      const MessageAttributes = { a: { DataType: 'Binary', BinaryValue: '!!!' } };
      const codes = await onBothWires(
        'SendMessage',
        { QueueUrl, MessageBody: 'x', MessageAttributes },
        {
          QueueUrl,
          MessageBody: 'x',
          'MessageAttribute.1.Name': 'a',
          'MessageAttribute.1.Value.DataType': 'Binary',
          'MessageAttribute.1.Value.BinaryValue': '!!!',
        },
      );
      for (const code of codes) {
        expect(code).toMatch(/^400 (InvalidParameterValue|SerializationException|MalformedInput)$/);
      }
    }));

  test('a batch with eleven entries is refused as a whole', () =>
    untouched(async (QueueUrl) => {
      const Entries = Array.from({ length: 11 }, (_, at) => ({ Id: `${at}`, MessageBody: 'x' }));
      const query = Entries.flatMap(({ Id, MessageBody }, at) => [
        [`SendMessageBatchRequestEntry.${at + 1}.Id`, Id],
        [`SendMessageBatchRequestEntry.${at + 1}.MessageBody`, MessageBody],
      ]);
      expect(
        await onBothWires(
          'SendMessageBatch',
          { QueueUrl, Entries },
          { QueueUrl, ...Object.fromEntries(query) },
        ),
      ).toEqual([
        '400 TooManyEntriesInBatchRequest',
        '400 AWS.SimpleQueueService.TooManyEntriesInBatchRequest',
      ]);
    }));

  test('eleven attributes are refused', () =>
    untouched(async (QueueUrl) => {
      const names = [...'abcdefghijk'];
      const query = names.flatMap((name, at) => [
        [`MessageAttribute.${at + 1}.Name`, name],
        [`MessageAttribute.${at + 1}.Value.DataType`, 'String'],
        [`MessageAttribute.${at + 1}.Value.StringValue`, 'x'],
      ]);
      const attribute = { DataType: 'String', StringValue: 'x' };
      const MessageAttributes = Object.fromEntries(names.map((name) => [name, attribute]));
      const codes = await onBothWires(
        'SendMessage',
        { QueueUrl, MessageBody: 'x', MessageAttributes },
        { QueueUrl, MessageBody: 'x', ...Object.fromEntries(query) },
      );
      expect(codes).toEqual(['400 InvalidParameterValueException', '400 InvalidParameterValue']);
    }));

  test('a body beyond every limit is refused before it is read', async () => {
    const answer = await send(peer, {
      ...queryRequest('SendMessage'),
      body: `Action=SendMessage&Version=2012-11-05&MessageBody=${'x'.repeat(32 << 20)}`,
    }).catch((error: NodeJS.ErrnoException) => error);
    // Answered, or cut off while it still sends.
    if (answer instanceof Error) expect(answer.code).toMatch(/EPIPE|ECONNRESET/);
    else expect(answer.status).toBe(413);
    expect((await send(peer, queryRequest('ListQueues'))).status).toBe(200);
  });

  test('what is no request of AWS is refused and the broker goes on', async () => {
    for (const request of [
      { method: 'GET', path: '/' },
      { method: 'GET', path: '/favicon.ico' },
      { method: 'PUT', path: '/bucket/key', body: 'x' },
      { method: 'DELETE', path: '/' },
      { method: 'POST', path: '/', headers: { 'content-type': 'text/plain' }, body: 'hello' },
    ]) {
      const { status } = await send(peer, request);
      expect(status).toBeGreaterThanOrEqual(400);
      expect(status).toBeLessThan(500);
    }
    expect((await send(peer, queryRequest('ListQueues'))).status).toBe(200);
  });
});
