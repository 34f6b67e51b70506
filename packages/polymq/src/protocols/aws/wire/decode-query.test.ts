import { describe, expect, it } from 'vitest';
import { AwsError } from './aws-error.ts';
import { decodeQuery } from './decode-query.ts';
import { parseForm } from './form.ts';
import { SNS } from './sns-actions.ts';
import { SQS } from './sqs-actions.ts';

function decode(action: string, form: string): Record<string, unknown> {
  return decodeQuery(SQS.actions.get(action) ?? SNS.actions.get(action)!, parseForm(form));
}

function refusal(action: string, form: string): string {
  try {
    decode(action, form);
    return 'accepted';
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    return `${error.code}: ${error.message}`;
  }
}

describe('inputs of the Query protocol', () => {
  it('put entries in the order of their numbers, whatever the gaps', () => {
    const form = 'QueueUrl=q&TagKey.10=c&TagKey.2=b&TagKey.1=a';
    expect(decode('UntagQueue', form)).toEqual({ QueueUrl: 'q', TagKeys: ['a', 'b', 'c'] });
  });

  it('have lists and maps in both forms', () => {
    const flat = 'QueueUrl=q&Tag.1.Key=a&Tag.1.Value=b';
    const own = 'QueueUrl=q&Tags.1.Key=a&Tags.1.Value=b';
    for (const form of [flat, own]) {
      expect(decode('TagQueue', form)['Tags']).toEqual(
        Object.assign(Object.create(null), { a: 'b' }),
      );
    }
    const sns = 'Name=t&Attributes.entry.1.key=FifoTopic&Attributes.entry.1.value=true';
    expect({ ...(decode('CreateTopic', sns)['Attributes'] as object) }).toEqual({
      FifoTopic: 'true',
    });
  });

  it('have empty lists: said to be, or of SQS when there are none', () => {
    expect(decode('SendMessageBatch', 'QueueUrl=q')).toEqual({ QueueUrl: 'q', Entries: [] });
    expect(decode('SendMessageBatch', 'QueueUrl=q&Entries=')['Entries']).toEqual([]);
    expect(decode('UntagResource', 'ResourceArn=a&TagKeys=')['TagKeys']).toEqual([]);
    expect(refusal('UntagResource', 'ResourceArn=a')).toContain("Value null at 'tagKeys'");
  });

  it('say which parameter is missing, by its name on the wire', () => {
    expect(refusal('SendMessage', 'QueueUrl=q&MessageBody=')).toBe(
      'MissingParameter: The request must contain the parameter MessageBody.',
    );
    expect(refusal('SendMessageBatch', 'QueueUrl=q&SendMessageBatchRequestEntry.3.Id=a')).toBe(
      'MissingParameter: The request must contain the parameter SendMessageBatchRequestEntry.3.MessageBody.',
    );
    expect(refusal('CreateQueue', 'QueueName=q&Attribute.1.Name=a')).toBe(
      'MissingParameter: The request must contain the parameter Attribute.1.Value.',
    );
  });

  it('are refused when they have another form', () => {
    const receive = (form: string) => refusal('ReceiveMessage', `QueueUrl=q&${form}`);
    for (const form of [
      'WaitTimeSeconds=1.5',
      'WaitTimeSeconds=',
      'WaitTimeSeconds=1e3',
      'WaitTimeSeconds=12345678901234567890',
      'WaitTimeSeconds.1=1',
      'AttributeName=All',
      'AttributeName.one=All',
      'AttributeName.-1=All',
      'AttributeName.1.2=All',
      `${'a.'.repeat(10)}b=1`,
    ]) {
      expect(receive(form), form).toContain('MalformedInput');
    }
    expect(receive('WaitTimeSeconds=%2B05')).toBe('accepted');
    const subscribe = 'TopicArn=a&Protocol=sqs&ReturnSubscriptionArn=';
    expect(refusal('Subscribe', `${subscribe}yes`)).toContain('true or false');
    expect(decode('Subscribe', `${subscribe}True`)['ReturnSubscriptionArn']).toBe(true);
  });

  it('are refused with more than a thousand entries', () => {
    const keys = (count: number) =>
      Array.from({ length: count }, (_, index) => `TagKey.${index + 1}=a`).join('&');
    expect(refusal('UntagQueue', `QueueUrl=q&${keys(1000)}`)).toBe('accepted');
    expect(refusal('UntagQueue', `QueueUrl=q&${keys(1001)}`)).toContain('more than 1000');
  });

  it('take the first of a parameter that is there twice', () => {
    expect(decode('GetQueueUrl', 'QueueName=first&QueueName=second')['QueueName']).toBe('first');
  });

  it('cannot reach the prototypes of objects', () => {
    const form =
      '__proto__.QueueName=x&constructor=1&QueueName=q&Attribute.1.Name=__proto__&Attribute.1.Value=v';
    const attributes = decode('CreateQueue', form)['Attributes'] as object;
    expect(Object.getPrototypeOf(attributes)).toBeNull();
    expect(Object.entries(attributes)).toEqual([['__proto__', 'v']]);
    expect(refusal('GetQueueUrl', '__proto__.QueueName=x')).toContain('QueueName');
  });
});
