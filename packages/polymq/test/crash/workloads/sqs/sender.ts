/**
 * One client that sends to standard queues and publishes to a topic: single messages and batches, now and then
 * delayed. What it is not answered is unknown, and not sent again.
 */
import { createHash } from 'node:crypto';
import type { Publish } from '../../../checker/queue-history.ts';
import { type AwsClient, AwsFailure, element } from '../../../support/aws-client.ts';
import { encodeValue } from '../values.ts';
import { Actor } from './actor.ts';
import { pause } from './endpoint.ts';
import { queueUrl, ROUTES, type Route, topicArn } from './topology.ts';

interface BatchAnswer {
  Successful?: { Id: string; MessageId: string; MD5OfMessageBody: string }[];
  Failed?: { Id: string; Code: string; Message?: string }[];
}

const BATCH_CHANCE = 0.4;
const BATCH_MAX = 10;
const DELAY_CHANCE = 0.05;
const PAUSE_MS_MAX = 12;

export class Sender extends Actor {
  protected override async step(): Promise<void> {
    await this.endpoint.untilConnected(() => this.stopping);
    if (this.stopping) return;
    const { random, history, name, nextValue } = this.options;
    const route = random.pick(ROUTES);
    const count = random.chance(BATCH_CHANCE) ? random.between(1, BATCH_MAX) : 0;
    const publishes = Array.from({ length: Math.max(1, count) }, () =>
      history.publish({
        value: nextValue(),
        producer: name,
        queues: route.queues,
        persistent: true,
      }),
    );
    const stored = await this.endpoint.attempt((client) =>
      count === 0
        ? this.#sendOne(client, route, publishes[0]!)
        : this.#sendMany(client, route, publishes),
    );
    for (const [i, publish] of publishes.entries()) {
      if (stored === undefined) history.published(publish, 'info');
      else if (stored instanceof AwsFailure) {
        history.published(publish, 'fail', stored.message);
        this.options.onProblem(`${name}: ${stored}`);
      } else history.published(publish, stored[i] ? 'ok' : 'fail');
    }
    if (Array.isArray(stored)) this.options.onDone(stored.filter(Boolean).length);
    await pause(random.between(0, PAUSE_MS_MAX));
  }

  /** Whether each was stored. */
  async #sendOne(client: AwsClient, route: Route, { value }: Publish): Promise<boolean[]> {
    const { random } = this.options;
    const body = encodeValue(value);
    if (route.topic !== undefined) {
      const parameters = { TopicArn: topicArn(route.topic), Message: body };
      this.#expectId(element(await client.sns('Publish', parameters), 'MessageId'), value);
      return [true];
    }
    const delay = random.chance(DELAY_CHANCE) ? { DelaySeconds: 1 } : {};
    const QueueUrl = queueUrl(client, route.queue!);
    const input = { QueueUrl, MessageBody: body, ...delay };
    const answer = await client.sqs<Record<string, string>>('SendMessage', input);
    this.#expectId(answer['MessageId'], value);
    this.#expectMd5(answer['MD5OfMessageBody'], body);
    return [true];
  }

  async #sendMany(client: AwsClient, route: Route, publishes: Publish[]): Promise<boolean[]> {
    if (route.topic !== undefined) return this.#publishMany(client, route.topic, publishes);
    const Entries = publishes.map(({ value }, i) => ({
      Id: `e${i}`,
      MessageBody: encodeValue(value),
    }));
    const QueueUrl = queueUrl(client, route.queue!);
    const answer = await client.sqs<BatchAnswer>('SendMessageBatch', { QueueUrl, Entries });
    for (const each of answer.Failed ?? []) this.#complain(`an entry failed: ${each.Code}`);
    return Entries.map(({ Id, MessageBody }) => {
      const found = answer.Successful?.find((each) => each.Id === Id);
      if (found) this.#expectMd5(found.MD5OfMessageBody, MessageBody);
      return found !== undefined;
    });
  }

  async #publishMany(client: AwsClient, topic: string, publishes: Publish[]): Promise<boolean[]> {
    const parameters: Record<string, string> = { TopicArn: topicArn(topic) };
    for (const [i, { value }] of publishes.entries()) {
      const prefix = `PublishBatchRequestEntries.member.${i + 1}`;
      parameters[`${prefix}.Id`] = `e${i}`;
      parameters[`${prefix}.Message`] = encodeValue(value);
    }
    const answer = await client.sns('PublishBatch', parameters);
    const successful = answer.slice(
      answer.indexOf('<Successful>'),
      answer.indexOf('</Successful>'),
    );
    return publishes.map((_, i) => {
      const stored = successful.includes(`<Id>e${i}</Id>`);
      if (!stored) this.#complain(`an entry was not published: ${answer}`);
      return stored;
    });
  }

  #expectId(id: string | undefined, value: string): void {
    if (!id) this.#complain(`${value} was stored without a message id`);
  }

  #expectMd5(md5: string | undefined, body: string): void {
    const expected = createHash('md5').update(body).digest('hex');
    if (md5 !== expected) this.#complain(`a body's MD5 was ${md5}, not ${expected}`);
  }

  #complain(problem: string): void {
    this.options.onProblem(`${this.options.name}: ${problem}`);
  }
}
