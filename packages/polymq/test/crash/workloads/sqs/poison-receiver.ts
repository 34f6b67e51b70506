/** One client that receives and never deletes: after three times a message is in the dead-letter queue, once. */
import { AwsFailure } from '../../../support/aws-client.ts';
import { decodeValue } from '../values.ts';
import { Actor } from './actor.ts';
import { pause } from './endpoint.ts';
import { POISON_QUEUE, queueUrl } from './topology.ts';

const MESSAGES_MAX = 10;
const PAUSE_MS = 20;

export class PoisonReceiver extends Actor {
  protected override async step(): Promise<void> {
    const { name, history, onProblem } = this.options;
    const queue = POISON_QUEUE;
    const askedAt = history.asking();
    const answer = await this.endpoint.attempt((client) =>
      client.sqs<{ Messages?: { Body: string }[] }>('ReceiveMessage', {
        QueueUrl: queueUrl(client, queue),
        MaxNumberOfMessages: MESSAGES_MAX,
        WaitTimeSeconds: 1,
      }),
    );
    if (answer instanceof AwsFailure) onProblem(`${name}: ${answer}`);
    if (answer === undefined || answer instanceof AwsFailure) return;
    for (const { Body } of answer.Messages ?? []) {
      const value = decodeValue(Body);
      history.delivered({ queue, value, reader: name, redelivered: true, askedAt });
      // May be the one that moves it; nothing is known for sure.
      history.settle({ queue, value, reader: name, kind: 'reject' });
    }
    await pause(PAUSE_MS);
  }
}
