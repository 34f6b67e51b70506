/**
 * Queues that live as long as a subscription or an inbox for replies. SQS has none of its own accord, so:
 *
 *   name   polymq-tmp-<uuid>
 *   tags   polymq-owner         the client's name
 *          polymq-alive         ms since the epoch, written anew every 5 minutes
 *          polymq-subscription  the ARN of its subscription, if it has one
 *
 * `close` deletes the queue and its subscription. What a killed process leaves behind is deleted by the next client that makes a temporary
 * queue: all of that name whose `polymq-alive` is older than an hour. That needs the rights sqs:ListQueues, sqs:ListQueueTags,
 * sqs:DeleteQueue and sns:Unsubscribe; without them they stay, and do no harm but cost.
 */
import { randomUUID } from 'node:crypto';
import { type ClockTimer, sleep } from '../../lib/clock.ts';
import type { Aws } from './aws.ts';
import type { QueuePlaces } from './places.ts';

const PREFIX = 'polymq-tmp-';
const TAG = {
  owner: 'polymq-owner',
  alive: 'polymq-alive',
  subscription: 'polymq-subscription',
} as const;
const ALIVE_MS: number = 5 * 60 * 1000;
const DEAD_MS: number = 60 * 60 * 1000;
/** What nobody has read for so long, nobody waits for. */
const RETENTION_SECONDS: number = 60 * 60;
/** Looked at by one sweep. */
const SWEEP_MAX = 200;

export class TemporaryQueues {
  readonly #aws: Aws;
  readonly #places: QueuePlaces;
  #swept = false;

  constructor(aws: Aws, places: QueuePlaces) {
    this.#aws = aws;
    this.#places = places;
  }

  async create(): Promise<TemporaryQueue> {
    const name = `${PREFIX}${randomUUID()}`;
    const queue = new TemporaryQueue(this.#aws, this.#places, name);
    await queue.create();
    if (!this.#swept) {
      this.#swept = true;
      // Nobody waits for it, and it is tried again by the next client.
      this.#sweep().catch(() => {});
    }
    return queue;
  }

  async #sweep(): Promise<void> {
    const input = { QueueNamePrefix: PREFIX, MaxResults: SWEEP_MAX };
    const found = await this.#aws.sqs<{ QueueUrls?: readonly string[] }>('ListQueues', input, {
      target: PREFIX,
    });
    for (const url of (found.QueueUrls ?? []).slice(0, SWEEP_MAX)) {
      const tags = await tagsOf(this.#aws, url);
      const aliveMs = Number(tags[TAG.alive]);
      const isDead = aliveMs > 0 && this.#aws.context.clock.nowMs() - aliveMs > DEAD_MS;
      if (isDead) await remove(this.#aws, url, tags[TAG.subscription]);
    }
  }
}

export class TemporaryQueue {
  readonly name: string;
  url = '';
  readonly #aws: Aws;
  readonly #places: QueuePlaces;
  #subscription: string | undefined;
  #timer: ClockTimer | undefined;

  constructor(aws: Aws, places: QueuePlaces, name: string) {
    this.#aws = aws;
    this.#places = places;
    this.name = name;
  }

  /** Also if the engine has lost it. */
  async create(): Promise<void> {
    const { clock, clientName } = this.#aws.context;
    const tags = { [TAG.owner]: tagValue(clientName), [TAG.alive]: `${clock.nowMs()}` };
    this.url = await this.#places.create(this.name, tags, RETENTION_SECONDS);
    this.#timer?.cancel();
    this.#timer = clock.after(ALIVE_MS, () => this.#sayAlive());
  }

  /** The subscription ends with the queue. */
  async subscribed(arn: string): Promise<void> {
    this.#subscription = arn;
    await this.#tag({ [TAG.subscription]: arn });
  }

  async close(): Promise<void> {
    this.#timer?.cancel();
    await remove(this.#aws, this.url, this.#subscription);
  }

  #sayAlive(): void {
    const { clock } = this.#aws.context;
    this.#timer = clock.after(ALIVE_MS, () => this.#sayAlive());
    // Eleven more may fail before it is taken for dead.
    this.#tag({ [TAG.alive]: `${clock.nowMs()}` }).catch(() => {});
  }

  #tag(tags: Readonly<Record<string, string>>): Promise<unknown> {
    const input = { QueueUrl: this.url, Tags: tags };
    return this.#aws.sqs('TagQueue', input, { target: this.name });
  }
}

export async function tagsOf(aws: Aws, url: string): Promise<Readonly<Record<string, string>>> {
  const input = { QueueUrl: url };
  const answer = await aws.sqs<{ Tags?: Record<string, string> }>('ListQueueTags', input, {
    target: url,
  });
  return answer.Tags ?? {};
}

/** Never rejects: what stays is swept later. */
async function remove(aws: Aws, url: string, subscription: string | undefined): Promise<void> {
  const target = { target: url };
  if (subscription !== undefined) {
    await aws.sns('Unsubscribe', { SubscriptionArn: subscription }, target).catch(() => {});
  }
  await aws.sqs('DeleteQueue', { QueueUrl: url }, target).catch(() => {});
}

/** Tags take letters, digits, spaces and a few signs, up to 256. */
function tagValue(text: string): string {
  return text.replace(/[^A-Za-z0-9 _.:/=+@-]/g, '_').slice(0, 256);
}

/** Between attempts to read a queue that is not there. */
export function pause(aws: Aws, signal: AbortSignal): Promise<void> {
  return sleep(aws.context.clock, 500, signal);
}
