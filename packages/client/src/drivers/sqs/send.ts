/**
 * Messages on their way to queues, in batches. On a standard queue several requests are under way at a time. On a FIFO queue the messages of one group go
 * through one lane that has a single request under way, so that they are stored in the order in which they were sent.
 *
 * Whether a message was known already (`dedupe`) SQS tells only by answering with the sequence number of the first one; so a
 * duplicate is seen as such if this process has sent or repeated the first one too.
 */
import type { SendOutcome } from '../../driver/driver.ts';
import { PolymqError, UnsupportedError } from '../../errors.ts';
import type { OutgoingMessage } from '../../message/wire-message.ts';
import type { Aws } from './aws.ts';
import { type BatchSuccess, batchRequest, queueAction } from './batch-request.ts';
import { Gatherer } from './gatherer.ts';
import { groupOf, idOf, laneOf } from './groups.ts';
import { DELAY_MS_MAX, MESSAGE_BYTES_MAX, REQUESTS_IN_FLIGHT_MAX } from './limits.ts';
import { encodeMessage } from './message-format.ts';
import type { QueuePlace, QueuePlaces } from './places.ts';
import { RecentNumbers } from './recent-numbers.ts';

const FIFO_LANES = 8;
/** Queues that are sent to, beyond which those are looked for that are not any more. */
const LANES_KEPT = 200;

interface SendEntry {
  readonly input: object;
  readonly bytes: number;
  done(outcome: BatchSuccess | PolymqError): void;
}

interface SendLanes {
  readonly lanes: Gatherer<BatchSuccess, SendEntry>[];
  readonly numbers: RecentNumbers;
}

export class Sender {
  readonly #aws: Aws;
  readonly #places: QueuePlaces;
  readonly #lanes = new Map<string, SendLanes>();

  constructor(aws: Aws, places: QueuePlaces) {
    this.#aws = aws;
    this.#places = places;
  }

  /**
   * `replaced` is the receipt of a delivery in whose place they go. A FIFO queue remembers ids for five minutes and would drop
   * a copy with the id of a message that it has had; under the receipt it drops only what this very delivery has sent before.
   */
  async send(
    queue: string,
    messages: readonly OutgoingMessage[],
    replaced?: string,
  ): Promise<readonly SendOutcome[] | undefined> {
    const place = await this.#places.find(queue);
    const outcomes = await this.#sendAll(place, messages, replaced);
    const gone = outcomes.find(
      (outcome) => 'error' in outcome && outcome.error.code === 'not-found',
    );
    if (gone !== undefined) this.#forget(place);
    return outcomes;
  }

  #sendAll(
    place: QueuePlace,
    messages: readonly OutgoingMessage[],
    replaced: string | undefined,
  ): Promise<SendOutcome[]> {
    return new Promise((resolve) => {
      const outcomes = new Array<SendOutcome>(messages.length);
      let open = messages.length;
      if (open === 0) resolve(outcomes);
      const { lanes, numbers } = this.#lanesOf(place);
      messages.forEach((message, index) => {
        const done = (outcome: BatchSuccess | PolymqError): void => {
          outcomes[index] =
            outcome instanceof PolymqError
              ? { error: outcome }
              : { duplicate: numbers.seen(outcome.SequenceNumber) };
          if (--open === 0) resolve(outcomes);
        };
        const entry = sendEntry(place, message, { replaced, done });
        if (entry !== undefined) lanes[laneOf(groupOf(message), lanes.length)]!.add(entry);
      });
    });
  }

  #lanesOf(place: QueuePlace): SendLanes {
    let found = this.#lanes.get(place.url);
    if (found === undefined) {
      this.#forgetIdle();
      const [count, inFlight] = place.fifo ? [FIFO_LANES, 1] : [1, REQUESTS_IN_FLIGHT_MAX];
      const what = { action: 'SendMessageBatch', target: place.name };
      const act = queueAction(this.#aws, what.action, place);
      const lane = (): Gatherer<BatchSuccess, SendEntry> =>
        new Gatherer(inFlight, (entries) =>
          batchRequest(
            this.#aws.context,
            what,
            entries.map(({ input }) => input),
            act,
          ),
        );
      found = { lanes: Array.from({ length: count }, lane), numbers: new RecentNumbers() };
      this.#lanes.set(place.url, found);
    }
    return found;
  }

  /** Replies go to the queues of many clients, which come and go. */
  #forgetIdle(): void {
    if (this.#lanes.size < LANES_KEPT) return;
    for (const [url, { lanes, numbers }] of this.#lanes) {
      if (numbers.size === 0 && lanes.every(({ idle }) => idle)) this.#lanes.delete(url);
    }
  }

  #forget(place: QueuePlace): void {
    this.#places.forget(place.name);
    this.#lanes.delete(place.url);
  }
}

/** What is sent for a message; undefined if it was refused here, which `done` was told. */
function sendEntry(
  place: QueuePlace,
  message: OutgoingMessage,
  { replaced, done }: { replaced: string | undefined; done: SendEntry['done'] },
): SendEntry | undefined {
  const refusal = refusalOf(place, message);
  const { body, attributes, bytes } = encodeMessage(message);
  if (refusal !== undefined || bytes > MESSAGE_BYTES_MAX) {
    done(refusal ?? tooLarge(place, bytes));
    return undefined;
  }
  const { delayMs = 0 } = message;
  const input = {
    MessageBody: body,
    MessageAttributes: attributes,
    ...(delayMs > 0 && { DelaySeconds: Math.ceil(delayMs / 1000) }),
    ...(place.fifo && {
      MessageGroupId: groupOf(message),
      MessageDeduplicationId: idOf(message.dedupe ?? idIn(message.id, replaced)),
    }),
  };
  return { input, bytes, done };
}

function idIn(id: string, replaced: string | undefined): string {
  return replaced === undefined ? id : `${id} ${replaced}`;
}

function refusalOf(place: QueuePlace, message: OutgoingMessage): PolymqError | undefined {
  const { delayMs = 0, priority = 0, ttlMs } = message;
  if (delayMs > DELAY_MS_MAX) {
    return new UnsupportedError(
      'SQS',
      `a delay of ${delayMs} ms`,
      'its longest is 15 minutes; use a shorter one, or an engine with delays of any length',
    );
  }
  if (delayMs > 0 && place.fifo) {
    return new UnsupportedError(
      'SQS',
      `delays of single messages in the FIFO queue ${place.name}`,
      'leave out `delay`, or use a queue without `fifo`',
    );
  }
  if (message.dedupe !== undefined && !place.fifo) {
    return new UnsupportedError(
      'SQS',
      `\`dedupe\` in the standard queue ${place.name}`,
      'declare it with `fifo: true`, or make the handler idempotent: idempotent(handler, …)',
    );
  }
  if (priority > 0) return new UnsupportedError('SQS', 'priority', 'use one queue per priority');
  if (ttlMs === undefined) return undefined;
  return new UnsupportedError('SQS', 'ttl', 'compare `message.timestamp` in the handler');
}

function tooLarge(place: QueuePlace, bytes: number): PolymqError {
  return new PolymqError(
    'message-too-large',
    `A message for ${place.name} has ${bytes} bytes with its attributes; SQS takes at most ${MESSAGE_BYTES_MAX} (queues made before August 2025: 262144). Store the data elsewhere and send where it is`,
  );
}
