/** With `aws.strict`: quotas of AWS that only get in the way elsewhere. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newQueue, refusal, sqsClient } from './aws-client.ts';
import { AWS_PEER_IS_POLYMQ, type AwsPeer, startAwsPeer } from './aws-peer.ts';
import { uniqueName } from './peer.ts';

let peer: AwsPeer;

beforeAll(async () => {
  if (AWS_PEER_IS_POLYMQ) peer = await startAwsPeer({ env: { POLYMQ_AWS__STRICT: 'true' } });
});
afterAll(() => peer?.stop());

// Emulators have switches of their own.
describe.skipIf(!AWS_PEER_IS_POLYMQ)('strict', () => {
  test('a queue is purged once a minute', async () => {
    const sqs = sqsClient(peer);
    const QueueUrl = await newQueue(sqs);
    await sqs.purgeQueue({ QueueUrl });
    expect(await refusal(sqs.purgeQueue({ QueueUrl }))).toMatchObject({
      name: 'PurgeQueueInProgress',
      status: 403,
    });
  });

  test('a name that was deleted is free after a minute', async () => {
    const sqs = sqsClient(peer);
    const QueueName = uniqueName('queue');
    const QueueUrl = await newQueue(sqs, {}, QueueName);
    await sqs.deleteQueue({ QueueUrl });
    expect(await refusal(sqs.createQueue({ QueueName }))).toMatchObject({
      name: 'QueueDeletedRecently',
      status: 400,
    });
  });

  test('a queue has fifty tags at most', async () => {
    const sqs = sqsClient(peer);
    const QueueUrl = await newQueue(sqs);
    const tags = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`key-${index}`, 'v']));
    expect(await refusal(sqs.tagQueue({ QueueUrl, Tags: tags(51) }))).toMatchObject({
      status: 400,
    });
    await sqs.tagQueue({ QueueUrl, Tags: tags(50) });
    expect((await sqs.listQueueTags({ QueueUrl })).Tags).toEqual(tags(50));
  });
});
