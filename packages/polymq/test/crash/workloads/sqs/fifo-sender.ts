/**
 * One client that sends to FIFO queues and a FIFO topic. Each message has a deduplication id, and is sent again with
 * it until it is answered, so it must be stored exactly once; some are sent again although they were answered. The
 * next message of the group follows only then, which makes the order of the group that of this client.
 */
import type { Publish } from '../../../checker/queue-history.ts';
import { type AwsClient, AwsFailure, element } from '../../../support/aws-client.ts';
import { encodeValue } from '../values.ts';
import { Actor } from './actor.ts';
import { pause } from './endpoint.ts';
import { FIFO_ROUTES, queueUrl, type Route, topicArn } from './topology.ts';

interface Stored {
  messageId: string | undefined;
  sequenceNumber: string | undefined;
}

const GROUPS = 3;
const BATCH_CHANCE = 0.3;
const BATCH_MAX = 5;
const AGAIN_CHANCE = 0.15;
const PAUSE_MS_MAX = 12;

export class FifoSender extends Actor {
  protected override async step(): Promise<void> {
    await this.endpoint.untilConnected(() => this.stopping);
    if (this.stopping) return;
    const { random, history, name, nextValue, onDone } = this.options;
    const route = random.pick(FIFO_ROUTES);
    const group = `${name}-${random.between(1, GROUPS)}`;
    const batch = route.queue !== undefined && random.chance(BATCH_CHANCE);
    const publishes = Array.from({ length: batch ? random.between(1, BATCH_MAX) : 1 }, () =>
      history.publish({
        value: nextValue(),
        producer: group,
        group,
        queues: route.queues,
        persistent: true,
      }),
    );
    const first = await this.#untilStored(route, publishes);
    if (!first) return;
    onDone(publishes.length);
    if (random.chance(AGAIN_CHANCE)) {
      const again = await this.endpoint.attempt((client) => this.#send(client, route, publishes));
      if (Array.isArray(again)) this.#compare(publishes, first, again);
    }
    await pause(random.between(0, PAUSE_MS_MAX));
  }

  /** Undefined if it was refused. */
  async #untilStored(route: Route, publishes: Publish[]): Promise<Stored[] | undefined> {
    const { history, name, onProblem } = this.options;
    for (;;) {
      const stored = await this.endpoint.attempt((client) => this.#send(client, route, publishes));
      if (stored === undefined) continue;
      const refused = stored instanceof AwsFailure;
      for (const publish of publishes) history.published(publish, refused ? 'fail' : 'ok');
      if (!refused) return stored;
      onProblem(`${name}: ${stored}`);
      return undefined;
    }
  }

  async #send(client: AwsClient, route: Route, publishes: Publish[]): Promise<Stored[]> {
    const entries = publishes.map(({ value, group }) => ({
      MessageBody: encodeValue(value),
      MessageGroupId: group!,
      MessageDeduplicationId: value,
    }));
    const [entry] = entries;
    if (route.topic !== undefined) {
      const { MessageBody: Message, ...ids } = entry!;
      const TopicArn = topicArn(route.topic);
      const answer = await client.sns('Publish', { TopicArn, Message, ...ids });
      const sequenceNumber = element(answer, 'SequenceNumber');
      return [{ messageId: element(answer, 'MessageId'), sequenceNumber }];
    }
    const QueueUrl = queueUrl(client, route.queue!);
    if (entries.length === 1) {
      return [stored(await client.sqs('SendMessage', { QueueUrl, ...entry }))];
    }
    const Entries = entries.map((each, i) => ({ Id: `e${i}`, ...each }));
    const { Successful = [], Failed = [] } = await client.sqs<{
      Successful?: Record<string, string>[];
      Failed?: object[];
    }>('SendMessageBatch', { QueueUrl, Entries });
    if (Failed.length > 0) throw new Error(`entries failed: ${JSON.stringify(Failed)}`);
    return Entries.map(({ Id }) => stored(Successful.find((each) => each['Id'] === Id) ?? {}));
  }

  /** What was sent again is the message that is there. */
  #compare(publishes: Publish[], first: Stored[], again: Stored[]): void {
    for (const [i, { value }] of publishes.entries()) {
      const [a, b] = [first[i]!, again[i]!];
      if (a.messageId === b.messageId && a.sequenceNumber === b.sequenceNumber) continue;
      const told = `${a.messageId} ${a.sequenceNumber}, then ${b.messageId} ${b.sequenceNumber}`;
      this.options.onProblem(`${this.options.name}: ${value} was answered with ${told}`);
    }
  }
}

function stored(answer: Record<string, unknown>): Stored {
  return {
    messageId: answer['MessageId'] as string | undefined,
    sequenceNumber: answer['SequenceNumber'] as string | undefined,
  };
}
