/**
 * The driver for Amazon SQS and SNS, and for what speaks like them (PolyMQ, LocalStack, ElasticMQ). Queues are SQS queues, topics are SNS topics with an SQS
 * queue per subscriber. It stands on `@aws-sdk/client-sqs` and, for topics, `@aws-sdk/client-sns`.
 */
import type { Capabilities } from '../../driver/capabilities.ts';
import type { OpenDriver } from '../../driver/driver.ts';
import { PolymqError } from '../../errors.ts';
import { durationMs } from '../../lib/duration.ts';
import { Aws } from './aws.ts';
import { endpointOf } from './endpoint.ts';
import { WAIT_SECONDS_MAX } from './limits.ts';
import type { SqsOptions } from './options.ts';
import { QueuePlaces } from './places.ts';
import { Polls } from './polls.ts';
import { SqsQueues } from './queue-driver.ts';
import { SqsRequests } from './request-driver.ts';
import { Sender } from './send.ts';
import { Settler } from './settle.ts';
import { TemporaryQueues } from './temporary-queues.ts';
import { SnsTopics } from './topic-driver.ts';

export type { SqsCredentials, SqsOptions } from './options.ts';

/** For the table of the documents as well. */
export const CAPABILITIES: Capabilities = {
  queue: 'native',
  delay: 'up to 15 minutes, in whole seconds; not in FIFO queues',
  priority: false,
  fifo: 'FIFO queues',
  dedupe: 'FIFO queues, five minutes',
  ttl: false,
  limit: false,
  'drop-lowest-priority': false,
  peek: 'receives and gives back',
  topic: 'SNS, with a temporary SQS queue per subscriber',
  live: 'SNS, with a temporary SQS queue per subscriber',
  group: false,
  replay: false,
  fanout: 'SNS subscriptions of SQS queues',
  'request-reply': 'a request queue, and a temporary queue for replies',
  'event-log': false,
  transaction: false,
  'manual-clock': false,
};

export const open: OpenDriver<SqsOptions> = async (url, options, context) => {
  const aws = await Aws.load(endpointOf(url, options, process.env), context);
  await checkReachable(aws);
  const pollMs = Math.min(durationMs(options.poll ?? '20s', 'poll'), WAIT_SECONDS_MAX * 1000);
  const places = new QueuePlaces(aws, options.queueAttributes ?? {});
  const temporary = new TemporaryQueues(aws, places);
  const sender = new Sender(aws, places);
  const settler = new Settler(aws);
  const polls = new Polls(aws, settler);
  const parts = { aws, places, temporary, sender, settler, polls, pollMs };
  const requests = new SqsRequests(parts);
  const queues = new SqsQueues(parts);
  return {
    engine: 'SQS',
    system: 'aws_sqs',
    capabilities: CAPABILITIES,
    queues,
    topics: new SnsTopics(parts),
    requests,
    close: async () => {
      await Promise.all([queues.close(), requests.close(), polls.close()]);
      aws.close();
    },
  };
};

/** Asks for some queue. That it is not there, or that these keys may not ask, is an answer as well. */
async function checkReachable(aws: Aws): Promise<void> {
  try {
    await aws.sqs('GetQueueUrl', { QueueName: 'polymq' }, { target: aws.endpoint.sqs });
  } catch (error) {
    if (error instanceof PolymqError && error.code === 'not-found') return;
    if (error instanceof PolymqError && /AccessDenied/.test((error.cause as Error)?.name)) return;
    aws.close();
    throw error;
  }
}
