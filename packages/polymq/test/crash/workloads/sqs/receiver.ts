/**
 * One client that receives from one queue with long polls and deletes, out of order, one by one and in batches. Some
 * messages it gives back at once, some it keeps for longer, some it forgets: their visibility ends by itself.
 *
 * A delete that is answered is for good if the message was still this client's: so only those count that were
 * answered well within the visibility timeout.
 */
import type { Settlement } from '../../../checker/queue-history.ts';
import { type AwsClient, AwsFailure } from '../../../support/aws-client.ts';
import { decodeValue } from '../values.ts';
import { Actor, type ActorOptions } from './actor.ts';
import { pause } from './endpoint.ts';
import { queueUrl } from './topology.ts';

interface Message {
  Body: string;
  ReceiptHandle: string;
  Attributes: Record<string, string>;
}

interface Held {
  value: string;
  handle: string;
  /** By this client's clock: no later than that the broker gives the message to others. */
  mineUntilMs: number;
}

const MESSAGES_MAX = 10;
const POLL_SECONDS = 1;
const VISIBILITY_SECONDS_MAX = 8;
/** Kept off the end of a visibility timeout. */
const MARGIN_MS = 500;
const FORGET_CHANCE = 0.05;
const RETURN_CHANCE = 0.06;
const EXTEND_CHANCE = 0.06;
const BATCH_CHANCE = 0.5;
const INSIST_CHANCE = 0.7;
const PAUSE_MS_MAX = 15;
/** What a delete with the handle of a message that was given out again is answered in FIFO queues. */
const EXPIRED = new Set([
  'InvalidParameterValue',
  'InvalidParameterValueException',
  'ReceiptHandleIsInvalid',
]);

export class Receiver extends Actor {
  readonly #queue: string;
  /** Receive counts, as told last over this connection: a crash may undo the last ones. */
  readonly #counts = new Map<string, number>();
  #countedOver = 0;

  constructor(options: ActorOptions & { queue: string }) {
    super(options);
    this.#queue = options.queue;
  }

  protected override async step(): Promise<void> {
    const { random } = this.options;
    const held = await this.#receive();
    await pause(random.between(0, PAUSE_MS_MAX));
    const deleted: Held[] = [];
    for (const each of shuffled(held, random)) {
      if (random.chance(FORGET_CHANCE)) continue;
      if (random.chance(RETURN_CHANCE)) await this.#change(each, 0);
      else {
        if (random.chance(EXTEND_CHANCE)) await this.#change(each, VISIBILITY_SECONDS_MAX);
        deleted.push(each);
      }
    }
    if (random.chance(BATCH_CHANCE) && deleted.length > 0) await this.#delete(deleted);
    else for (const each of deleted) await this.#delete([each]);
  }

  async #receive(): Promise<Held[]> {
    const { random, history, name } = this.options;
    const seconds = random.between(1, VISIBILITY_SECONDS_MAX);
    const askedAt = history.asking();
    const askedAtMs = performance.now();
    const answer = await this.endpoint.attempt((client) =>
      client.sqs<{ Messages?: Message[] }>('ReceiveMessage', {
        QueueUrl: queueUrl(client, this.#queue),
        MaxNumberOfMessages: random.between(1, MESSAGES_MAX),
        WaitTimeSeconds: POLL_SECONDS,
        VisibilityTimeout: seconds,
        MessageSystemAttributeNames: ['All'],
      }),
    );
    if (answer instanceof AwsFailure) this.options.onProblem(`${name}: ${answer}`);
    if (answer === undefined || answer instanceof AwsFailure) return [];
    const mineUntilMs = askedAtMs + seconds * 1000 - MARGIN_MS;
    return (answer.Messages ?? []).map(({ Body, ReceiptHandle, Attributes }) => {
      const value = decodeValue(Body);
      const what = { queue: this.#queue, value, reader: name, askedAt };
      // Receive counts may lose the last moment before a crash, so nothing is said about the mark.
      history.delivered({ ...what, redelivered: true });
      this.#expectCount(value, Number(Attributes?.['ApproximateReceiveCount']));
      return { value, handle: ReceiptHandle, mineUntilMs };
    });
  }

  #expectCount(value: string, count: number): void {
    const { connections } = this.endpoint;
    if (connections !== this.#countedOver) this.#counts.clear();
    this.#countedOver = connections;
    const last = this.#counts.get(value) ?? 0;
    this.#counts.set(value, count);
    if (count > last) return;
    this.options.onProblem(`${this.options.name}: ${value} came with count ${count} after ${last}`);
  }

  async #change(held: Held, seconds: number): Promise<void> {
    const { history, name } = this.options;
    const changedAtMs = performance.now();
    if (seconds === 0) {
      history.settle({ queue: this.#queue, value: held.value, reader: name, kind: 'requeue' });
    }
    const answer = await this.endpoint.attempt((client) =>
      client.sqs('ChangeMessageVisibility', {
        QueueUrl: queueUrl(client, this.#queue),
        ReceiptHandle: held.handle,
        VisibilityTimeout: seconds,
      }),
    );
    const done = answer !== undefined && !(answer instanceof AwsFailure);
    if (done && seconds > 0 && changedAtMs < held.mineUntilMs) {
      held.mineUntilMs = changedAtMs + seconds * 1000 - MARGIN_MS;
    }
  }

  async #delete(some: readonly Held[]): Promise<void> {
    const { history, name, random, onDone, onProblem } = this.options;
    const settlements = some.map(({ value }) =>
      history.settle({ queue: this.#queue, value, reader: name, kind: 'ack' }),
    );
    const attempt = () =>
      this.endpoint.attempt((client) =>
        some.length === 1 ? this.#deleteOne(client, some[0]!) : this.#deleteMany(client, some),
      );
    let done = await attempt();
    // Handles work after a restart too, so some clients insist.
    if (done === undefined && random.chance(INSIST_CHANCE)) {
      await this.endpoint.untilConnected(() => this.stopping);
      done = await attempt();
    }
    if (done instanceof AwsFailure && !EXPIRED.has(done.code)) onProblem(`${name}: ${done}`);
    if (done === undefined || done instanceof AwsFailure) return;
    const nowMs = performance.now();
    const sure: Settlement[] = settlements.filter(
      (_, i) => done[i] && nowMs < some[i]!.mineUntilMs,
    );
    history.committed(sure);
    onDone(sure.length);
  }

  async #deleteOne(client: AwsClient, { handle }: Held): Promise<boolean[]> {
    const QueueUrl = queueUrl(client, this.#queue);
    await client.sqs('DeleteMessage', { QueueUrl, ReceiptHandle: handle });
    return [true];
  }

  async #deleteMany(client: AwsClient, some: readonly Held[]): Promise<boolean[]> {
    const Entries = some.map(({ handle }, i) => ({ Id: `e${i}`, ReceiptHandle: handle }));
    const QueueUrl = queueUrl(client, this.#queue);
    const answer = await client.sqs<{
      Successful?: { Id: string }[];
      Failed?: { Id: string; Code: string }[];
    }>('DeleteMessageBatch', { QueueUrl, Entries });
    const unexpected = (answer.Failed ?? []).filter((each) => !EXPIRED.has(each.Code));
    if (unexpected.length > 0) {
      this.options.onProblem(`${this.options.name}: ${JSON.stringify(unexpected)}`);
    }
    const done = new Set(answer.Successful?.map((each) => each.Id));
    return Entries.map(({ Id }) => done.has(Id));
  }
}

function shuffled<T>(items: readonly T[], random: ActorOptions['random']): T[] {
  return items
    .map((item) => ({ item, place: random.next() }))
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item);
}
