import { describe, expect, it } from 'vitest';
import { AwsError } from './aws-error.ts';
import { decodeJson } from './decode-json.ts';
import { JSON_TOKENS_MAX } from './json-limits.ts';
import { SNS } from './sns-actions.ts';
import { SQS } from './sqs-actions.ts';

const QUEUE_URL = 'http://127.0.0.1:9324/000000000000/orders';

function decode(action: string, body: unknown): Record<string, unknown> {
  const row = SQS.actions.get(action) ?? SNS.actions.get(action)!;
  return decodeJson(row, Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)));
}

function refusal(action: string, body: unknown): string {
  try {
    decode(action, body);
    return 'accepted';
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    return `${error.code}: ${error.message}`;
  }
}

describe('inputs in JSON', () => {
  it('ignore what the table does not know, and null', () => {
    expect(
      decode('SendMessage', { QueueUrl: QUEUE_URL, MessageBody: 'm', More: 1, DelaySeconds: null }),
    ).toEqual({ QueueUrl: QUEUE_URL, MessageBody: 'm' });
  });

  it('may be empty where nothing is required', () => {
    expect(decode('ListQueues', '')).toEqual({});
    expect(decode('ListQueues', '{}')).toEqual({});
  });

  it('say which parameter is missing, in the words of the service', () => {
    expect(refusal('SendMessage', { QueueUrl: QUEUE_URL })).toBe(
      'MissingParameter: The request must contain the parameter MessageBody.',
    );
    expect(refusal('SendMessage', { QueueUrl: QUEUE_URL, MessageBody: '' })).toBe(
      'MissingParameter: The request must contain the parameter MessageBody.',
    );
    expect(refusal('DeleteMessageBatch', { QueueUrl: QUEUE_URL, Entries: [{ Id: 'a' }] })).toBe(
      'MissingParameter: The request must contain the parameter Entries.1.ReceiptHandle.',
    );
    const entry = { Id: 'a', Message: 'm', MessageAttributes: { attr1: { StringValue: 's' } } };
    expect(refusal('PublishBatch', { TopicArn: 'arn', PublishBatchRequestEntries: [entry] })).toBe(
      "ValidationError: 1 validation error detected: Value null at 'publishBatchRequestEntries.1.member." +
        "messageAttributes.attr1.member.dataType' failed to satisfy constraint: Member must not be null",
    );
  });

  it('leave an empty body of a batch to its entry', () => {
    const Entries = [{ Id: 'a', MessageBody: '' }];
    expect(decode('SendMessageBatch', { QueueUrl: QUEUE_URL, Entries })).toMatchObject({ Entries });
  });

  it('are refused when they have another type', () => {
    const send = (more: object) =>
      refusal('SendMessage', { QueueUrl: QUEUE_URL, MessageBody: 'm', ...more });
    expect(send({ MessageBody: 5 })).toBe(
      'SerializationException: NUMBER_VALUE can not be converted to a String: MessageBody',
    );
    expect(send({ DelaySeconds: '5' })).toContain(
      'STRING_VALUE can not be converted to an Integer: DelaySeconds',
    );
    expect(send({ DelaySeconds: 1.5 })).toContain('DECIMAL_VALUE can not be converted');
    expect(send({ DelaySeconds: 1e300 })).toContain('SerializationException');
    expect(send({ MessageAttributes: [] })).toContain('START_ARRAY can not be converted to a map');
    expect(send({ MessageAttributes: { a: 'b' } })).toContain('MessageAttributes.a');
    expect(
      send({ MessageAttributes: { a: { DataType: 'Binary', BinaryValue: 'not base64!' } } }),
    ).toContain('MessageAttributes.a.BinaryValue is not valid base64');
    expect(refusal('UntagQueue', { QueueUrl: QUEUE_URL, TagKeys: 'a' })).toContain('to a list');
    expect(refusal('UntagQueue', { QueueUrl: QUEUE_URL, TagKeys: [null] })).toContain('NULL_VALUE');
    expect(
      refusal('Subscribe', { TopicArn: 'a', Protocol: 'sqs', ReturnSubscriptionArn: 'true' }),
    ).toContain('to a Boolean');
  });

  it('are refused when they are no JSON object', () => {
    for (const body of ['[]', '5', '"a"', 'null', '{', '{"a":1}}', '\u0000', 'Action=ListQueues']) {
      expect(refusal('ListQueues', body)).toContain('SerializationException');
    }
  });

  it('are refused with more than a thousand entries', () => {
    const tags = Object.fromEntries(Array.from({ length: 1001 }, (_, index) => [`t${index}`, '']));
    expect(refusal('TagQueue', { QueueUrl: QUEUE_URL, Tags: tags })).toContain('more than 1000');
    const TagKeys = Object.keys(tags);
    expect(refusal('UntagQueue', { QueueUrl: QUEUE_URL, TagKeys })).toContain('more than 1000');
    expect(refusal('UntagQueue', { QueueUrl: QUEUE_URL, TagKeys: TagKeys.slice(1) })).toBe(
      'accepted',
    );
  });

  it('may be long, but not many', () => {
    const send = (MessageBody: string, more = {}) =>
      refusal('SendMessage', { QueueUrl: QUEUE_URL, MessageBody, ...more });
    for (const text of ['[{"', '\\\\', '\\"', 'é€😀', '"']) {
      const body = text.repeat(100_000);
      expect(send(body)).toBe('accepted');
      expect(decode('SendMessage', { QueueUrl: QUEUE_URL, MessageBody: body })).toEqual({
        QueueUrl: QUEUE_URL,
        MessageBody: body,
      });
    }
    for (const More of [
      Array.from({ length: JSON_TOKENS_MAX }, () => []),
      Array.from({ length: JSON_TOKENS_MAX }, () => ({})),
      Array.from({ length: JSON_TOKENS_MAX }, () => '\\"'),
    ]) {
      expect(send('m', { More })).toContain('more than 20000 objects');
      expect(send('m', { More: More.slice(10) })).toBe('accepted');
    }
    expect(refusal('ListQueues', '['.repeat(50_000))).toContain('more than 20000 objects');
    expect(refusal('ListQueues', `"${'\\'.repeat(50_001)}`)).toContain('not valid JSON');
  });

  it('cannot reach the prototypes of objects', () => {
    const body = `{"QueueUrl":"${QUEUE_URL}","__proto__":{"DelaySeconds":5},"MessageBody":"m",
      "MessageAttributes":{"__proto__":{"DataType":"String","StringValue":"s"},"constructor":{"DataType":"String"}}}`;
    const input = decode('SendMessage', body);
    expect(input['DelaySeconds']).toBeUndefined();
    const attributes = input['MessageAttributes'] as Record<string, unknown>;
    expect(Object.getPrototypeOf(attributes)).toBeNull();
    expect(Object.keys(attributes)).toEqual(['__proto__', 'constructor']);
    expect(({} as Record<string, unknown>)['DataType']).toBeUndefined();
  });
});
