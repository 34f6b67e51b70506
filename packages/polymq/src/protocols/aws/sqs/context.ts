import type { Broker } from '../../../core/broker.ts';
import type { Queue } from '../../../core/queue/queue.ts';
import type { Environment } from '../../../lib/environment/environment.ts';
import type { Logger } from '../../../lib/logger.ts';
import type { AwsCall } from '../call.ts';
import type { MessageProperties } from '../message/properties.ts';
import type { AwsOptions } from '../options.ts';

/** What the handlers of SQS share. */
export interface SqsContext {
  readonly broker: Broker;
  readonly environment: Environment;
  readonly logger: Logger;
  readonly options: AwsOptions;
  readonly topics: TopicsView;
}

/** What SQS needs to know of SNS. */
export interface TopicsView {
  /**
   * The body that a reader of the queue gets for a message that came over a topic: the envelope; undefined for the message itself
   * if the subscription is raw, or if another protocol has sent it and there is no subscription. `topicName` and `queueName`
   * are where it went first.
   */
  envelopeFor(
    message: { properties: MessageProperties; body: string; publishedMs: number },
    names: { topicName: string; queueName: string },
    call: Pick<AwsCall, 'origin'>,
  ): Promise<string> | undefined;
  /** A queue exists now: subscriptions that wait for one of its name send to it. */
  queueCreated(queue: Queue): Promise<void>;
}
