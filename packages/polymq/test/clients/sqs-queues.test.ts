/** Queues of SQS and their attributes, tags and permissions, through @aws-sdk v3. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  arnOf,
  attributesOf,
  bodiesOf,
  newFifoQueue,
  newQueue,
  receive,
  receiveUntil,
  refusal,
  refusedWith,
  sqsClient,
} from './aws-client.ts';
import { type AwsPeer, lacksIt, REGION, startAwsPeer } from './aws-peer.ts';
import { eventually, uniqueName } from './peer.ts';

let peer: AwsPeer;

beforeAll(async () => {
  peer = await startAwsPeer();
});
afterAll(() => peer?.stop());

describe('creating', () => {
  // moto tells times with fractions, and only its own region.
  test.skipIf(lacksIt('moto'))(
    'a queue has the attributes that AWS gives one by default',
    async () => {
      const sqs = sqsClient(peer);
      const name = uniqueName('queue');
      const attributes = await attributesOf(sqs, await newQueue(sqs, {}, name));
      expect(attributes).toMatchObject({
        ApproximateNumberOfMessages: '0',
        ApproximateNumberOfMessagesDelayed: '0',
        ApproximateNumberOfMessagesNotVisible: '0',
        DelaySeconds: '0',
        ReceiveMessageWaitTimeSeconds: '0',
        VisibilityTimeout: '30',
        CreatedTimestamp: expect.stringMatching(/^\d{10}$/),
        LastModifiedTimestamp: expect.stringMatching(/^\d{10}$/),
        QueueArn: expect.stringMatching(new RegExp(`^arn:aws:sqs:[a-z0-9-]+:\\d{12}:${name}$`)),
      });
      // ElasticMQ knows no retention and no size.
      if (lacksIt('elasticmq')) return;
      expect(attributes).toMatchObject({
        QueueArn: expect.stringContaining(`:${REGION}:`),
        MessageRetentionPeriod: '345600',
        MaximumMessageSize: '1048576',
      });
      expect(attributes['FifoQueue']).toBeUndefined();
    },
  );

  test('creating it again is answered with the same URL if nothing differs', async () => {
    const sqs = sqsClient(peer);
    const name = uniqueName('queue');
    const attributes = { VisibilityTimeout: '11', DelaySeconds: '1' };
    const url = await newQueue(sqs, attributes, name);
    for (const Attributes of [attributes, { DelaySeconds: '1' }, {}]) {
      // ElasticMQ compares with defaults for what is not said.
      if (lacksIt('elasticmq') && Attributes !== attributes) continue;
      const again = await sqs.createQueue({ QueueName: name, Attributes });
      expect(again.QueueUrl).toBe(url);
    }
    const other = sqs.createQueue({ QueueName: name, Attributes: { DelaySeconds: '2' } });
    const { name: code, status } = await refusal(other);
    // ElasticMQ has another word for it.
    if (lacksIt('elasticmq')) return;
    expect([code, status]).toEqual(['QueueNameExists', 400]);
    expect(await attributesOf(sqs, url)).toMatchObject(attributes);
  });

  test('a queue is found by its name and not after it is deleted', async () => {
    const sqs = sqsClient(peer);
    const name = uniqueName('queue');
    const url = await newQueue(sqs, {}, name);
    expect((await sqs.getQueueUrl({ QueueName: name })).QueueUrl).toBe(url);
    await sqs.deleteQueue({ QueueUrl: url });
    const gone = { name: 'QueueDoesNotExist', status: 400, fault: 'client' };
    expect(await refusal(sqs.getQueueUrl({ QueueName: name }))).toMatchObject(gone);
    expect(await refusal(receive(sqs, url))).toMatchObject(gone);
    expect(await refusal(sqs.sendMessage({ QueueUrl: url, MessageBody: 'x' }))).toMatchObject(gone);
  });

  // moto pays no attention to the size of pages.
  test.skipIf(lacksIt('moto'))('queues are listed by prefix, page by page', async () => {
    const sqs = sqsClient(peer);
    const prefix = uniqueName('listed');
    const urls: string[] = [];
    for (const index of [1, 2, 3, 4, 5]) {
      urls.push(await newQueue(sqs, {}, `${prefix}-${index}`));
    }
    await newQueue(sqs, {}, uniqueName('other'));
    const whole = await sqs.listQueues({ QueueNamePrefix: prefix });
    expect([...whole.QueueUrls!].sort()).toEqual(urls);
    expect(whole.NextToken).toBeUndefined();
    // ElasticMQ knows no pages.
    if (lacksIt('elasticmq')) return;
    const paged: string[] = [];
    let token: string | undefined;
    do {
      const page = await sqs.listQueues({
        QueueNamePrefix: prefix,
        MaxResults: 2,
        NextToken: token,
      });
      expect(page.QueueUrls!.length).toBeLessThanOrEqual(2);
      paged.push(...page.QueueUrls!);
      token = page.NextToken;
    } while (token !== undefined);
    expect(paged.sort()).toEqual(urls);
  });

  // ElasticMQ and moto let most of it pass.
  test.skipIf(lacksIt('elasticmq', 'moto')).each([
    ['DelaySeconds', '901'],
    ['VisibilityTimeout', '43201'],
    ['VisibilityTimeout', 'long'],
    ['MessageRetentionPeriod', '59'],
    ['ReceiveMessageWaitTimeSeconds', '21'],
    ['MaximumMessageSize', '100'],
    ['RedrivePolicy', '{"maxReceiveCount":1}'],
    ['RedrivePolicy', 'no json'],
    ['Policy', 'no json'],
  ])('the attribute %s is refused with the value %s', async (name, value) => {
    const sqs = sqsClient(peer);
    const create = sqs.createQueue({
      QueueName: uniqueName('queue'),
      Attributes: { [name]: value },
    });
    expect(await refusal(create)).toMatchObject({
      name: expect.stringMatching(/^Invalid(AttributeValue|ParameterValue)$/),
      status: 400,
    });
  });

  // ElasticMQ and moto have other words for it.
  test.skipIf(lacksIt('elasticmq', 'moto'))(
    'an attribute that does not exist and a name that is no name are refused',
    async () => {
      const sqs = sqsClient(peer);
      const create = (QueueName: string, Attributes: Record<string, string>) =>
        refusedWith(sqs.createQueue({ QueueName, Attributes }));
      expect(await create(uniqueName('queue'), { Colour: 'red' })).toBe('InvalidAttributeName');
      expect(await create('no name!', {})).toBe('InvalidParameterValue');
      expect(await create('n'.repeat(81), {})).toBe('InvalidParameterValue');
    },
  );
});

describe('changing', () => {
  test('attributes are changed together or not at all', async () => {
    const sqs = sqsClient(peer);
    const queue = await newQueue(sqs);
    const set = (Attributes: Record<string, string>) =>
      sqs.setQueueAttributes({ QueueUrl: queue, Attributes });
    await set({ VisibilityTimeout: '5', DelaySeconds: '3' });
    const changed = { VisibilityTimeout: '5', DelaySeconds: '3' };
    expect(await attributesOf(sqs, queue)).toMatchObject(changed);
    // ElasticMQ and moto take any value.
    if (lacksIt('elasticmq', 'moto')) return;
    expect(await refusedWith(set({ VisibilityTimeout: '6', DelaySeconds: '1000' }))).toBe(
      'InvalidAttributeValue',
    );
    expect(await refusedWith(set({ VisibilityTimeout: '6', FifoQueue: 'true' }))).toBe(
      'InvalidAttributeName',
    );
    expect(await attributesOf(sqs, queue)).toMatchObject(changed);
  });

  // ElasticMQ has another word for it.
  test.skipIf(lacksIt('elasticmq'))('attributes are asked for by name', async () => {
    const sqs = sqsClient(peer);
    const queue = await newQueue(sqs);
    expect(await attributesOf(sqs, queue, 'VisibilityTimeout')).toEqual({
      VisibilityTimeout: '30',
    });
    const unknown = sqs.getQueueAttributes({
      QueueUrl: queue,
      AttributeNames: ['Colour' as 'All'],
    });
    expect(await refusedWith(unknown)).toBe('InvalidAttributeName');
  });

  // ElasticMQ takes no empty policy.
  test.skipIf(lacksIt('elasticmq'))('an empty redrive policy takes it away', async () => {
    const sqs = sqsClient(peer);
    const deadLetterTargetArn = await arnOf(sqs, await newQueue(sqs));
    const RedrivePolicy = JSON.stringify({ deadLetterTargetArn, maxReceiveCount: 2 });
    const queue = await newQueue(sqs, { RedrivePolicy });
    const stored = (await attributesOf(sqs, queue, 'RedrivePolicy'))['RedrivePolicy']!;
    expect(JSON.parse(stored)).toMatchObject({ deadLetterTargetArn });
    await sqs.setQueueAttributes({ QueueUrl: queue, Attributes: { RedrivePolicy: '' } });
    // moto keeps it as an empty text.
    if (lacksIt('moto')) return;
    expect((await attributesOf(sqs, queue))['RedrivePolicy']).toBeUndefined();
  });

  // ElasticMQ and moto keep some of them.
  test.skipIf(lacksIt('elasticmq', 'moto'))(
    'a purge takes all messages, also delayed ones and those in flight',
    async () => {
      const sqs = sqsClient(peer);
      const queue = await newQueue(sqs);
      for (const MessageBody of ['1', '2']) await sqs.sendMessage({ QueueUrl: queue, MessageBody });
      await receive(sqs, queue, { MaxNumberOfMessages: 1 });
      await sqs.sendMessage({ QueueUrl: queue, MessageBody: '3', DelaySeconds: 100 });
      await sqs.purgeQueue({ QueueUrl: queue });
      await eventually('it is empty', async () => {
        const attributes = await attributesOf(sqs, queue);
        const counts = [
          attributes['ApproximateNumberOfMessages'],
          attributes['ApproximateNumberOfMessagesNotVisible'],
          attributes['ApproximateNumberOfMessagesDelayed'],
        ];
        return counts.every((count) => count === '0') || undefined;
      });
      await sqs.sendMessage({ QueueUrl: queue, MessageBody: 'after' });
      expect(bodiesOf(await receiveUntil(sqs, queue, 1))).toEqual(['after']);
    },
  );

  test('tags come with the queue, change and go', async () => {
    const sqs = sqsClient(peer);
    const QueueName = uniqueName('queue');
    const { QueueUrl } = await sqs.createQueue({ QueueName, tags: { team: 'a', cost: '1' } });
    await sqs.tagQueue({ QueueUrl, Tags: { team: 'b', 'with space': 'ü' } });
    await sqs.untagQueue({ QueueUrl, TagKeys: ['cost', 'missing'] });
    expect((await sqs.listQueueTags({ QueueUrl })).Tags).toEqual({ team: 'b', 'with space': 'ü' });
    await sqs.deleteQueue({ QueueUrl });
  });

  test('permissions become statements of the policy, and go by their label', async () => {
    const sqs = sqsClient(peer);
    const queue = await newQueue(sqs);
    await sqs.addPermission({
      QueueUrl: queue,
      Label: 'partners',
      AWSAccountIds: ['111122223333'],
      Actions: ['SendMessage', 'ReceiveMessage'],
    });
    // ElasticMQ keeps no policy.
    if (lacksIt('elasticmq')) return;
    const policyOf = async () => (await attributesOf(sqs, queue, 'Policy'))['Policy'];
    expect(JSON.parse((await policyOf())!).Statement).toMatchObject([
      {
        Sid: 'partners',
        Effect: 'Allow',
        Action: ['SQS:SendMessage', 'SQS:ReceiveMessage'],
        Resource: await arnOf(sqs, queue),
      },
    ]);
    await sqs.removePermission({ QueueUrl: queue, Label: 'partners' });
    expect(await refusedWith(sqs.removePermission({ QueueUrl: queue, Label: 'partners' }))).toBe(
      'InvalidParameterValue',
    );
  });

  test('a FIFO queue says that it is one', async () => {
    const sqs = sqsClient(peer);
    const queue = await newFifoQueue(sqs);
    expect(await attributesOf(sqs, queue)).toMatchObject({
      FifoQueue: 'true',
      ContentBasedDeduplication: 'false',
    });
    // ElasticMQ and moto know no scopes.
    if (lacksIt('elasticmq', 'moto')) return;
    expect(await attributesOf(sqs, queue)).toMatchObject({
      DeduplicationScope: 'queue',
      FifoThroughputLimit: 'perQueue',
    });
  });
});
