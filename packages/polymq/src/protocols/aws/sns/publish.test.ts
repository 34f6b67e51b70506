import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SnsKit } from './testing/kit.ts';

let kit: SnsKit;

beforeEach(async () => {
  kit = await SnsKit.open();
});

afterEach(() => kit.destroy());

describe('a message that is published', () => {
  it('comes in an envelope to one queue and raw to another', async () => {
    await kit.topic('news');
    await kit.createQueue('plain');
    await kit.createQueue('raw');
    const arn = await kit.subscribe('news', 'plain');
    await kit.subscribe('news', 'raw', { RawMessageDelivery: 'true' });
    const { MessageId } = await kit.publish('news', 'hello', {
      Subject: 'greeting',
      MessageAttributes: { kind: { DataType: 'String', StringValue: 'new' } },
    });
    const [enveloped] = await kit.receive('plain');
    const envelope = JSON.parse(enveloped.Body);
    expect(envelope).toMatchObject({
      Type: 'Notification',
      MessageId,
      TopicArn: 'arn:aws:sns:us-east-1:000000000000:news',
      Subject: 'greeting',
      Message: 'hello',
      UnsubscribeURL: `http://broker:9324/?Action=Unsubscribe&SubscriptionArn=${arn}`,
      MessageAttributes: { kind: { Type: 'String', Value: 'new' } },
    });
    expect(enveloped.MessageAttributes).toBeUndefined();
    const [raw] = await kit.receive('raw');
    expect(raw.Body).toBe('hello');
    expect(raw.MessageAttributes).toEqual({ kind: { DataType: 'String', StringValue: 'new' } });
  });
});
