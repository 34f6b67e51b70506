/** Deletions and changes of visibility, gathered into batches per queue. */
import { PolymqError, UnsupportedError } from '../../errors.ts';
import type { Aws } from './aws.ts';
import { type BatchSuccess, batchRequest, queueAction } from './batch-request.ts';
import type { SqsDelivery } from './delivery.ts';
import { Gatherer } from './gatherer.ts';
import { REQUESTS_IN_FLIGHT_MAX, VISIBILITY_SECONDS_MAX } from './limits.ts';
import type { QueuePlace } from './places.ts';

interface SettleEntry {
  readonly input: object;
  readonly bytes: 0;
  done(outcome: BatchSuccess | PolymqError): void;
}

type SettleGatherer = Gatherer<BatchSuccess, SettleEntry>;

export class Settler {
  readonly #aws: Aws;
  readonly #deletions = new Map<string, SettleGatherer>();
  readonly #visibilities = new Map<string, SettleGatherer>();

  constructor(aws: Aws) {
    this.#aws = aws;
  }

  delete(delivery: SqsDelivery): Promise<void> {
    return this.#add(this.#deletions, 'DeleteMessageBatch', delivery, {
      ReceiptHandle: delivery.handle,
    });
  }

  /** Invisible for so long from now; 0: to be received at once. */
  setVisibility(delivery: SqsDelivery, delayMs: number): Promise<void> {
    const VisibilityTimeout = Math.ceil(delayMs / 1000);
    if (VisibilityTimeout > VISIBILITY_SECONDS_MAX) {
      const advice = 'its longest is 12 hours; use a shorter one';
      return Promise.reject(
        new UnsupportedError('SQS', `a lease or delay of ${delayMs} ms`, advice),
      );
    }
    return this.#add(this.#visibilities, 'ChangeMessageVisibilityBatch', delivery, {
      ReceiptHandle: delivery.handle,
      VisibilityTimeout,
    });
  }

  /** Gives back what nobody has seen; a failure only makes it come later. */
  async giveBack(deliveries: readonly SqsDelivery[]): Promise<void> {
    for (const { messageId } of deliveries) this.#aws.unseen.add(messageId);
    await Promise.allSettled(deliveries.map((delivery) => this.setVisibility(delivery, 0)));
  }

  #add(
    gatherers: Map<string, SettleGatherer>,
    action: string,
    { place }: SqsDelivery,
    input: object,
  ): Promise<void> {
    let gatherer = gatherers.get(place.url);
    if (gatherer === undefined) {
      gatherer = this.#gatherer(action, place);
      gatherers.set(place.url, gatherer);
    }
    const target = gatherer;
    return new Promise((resolve, reject) => {
      const done = (outcome: BatchSuccess | PolymqError): void => {
        if (outcome instanceof PolymqError) reject(outcome);
        else resolve();
      };
      target.add({ input, bytes: 0, done });
    });
  }

  #gatherer(action: string, place: QueuePlace): SettleGatherer {
    const what = { action, target: place.name };
    const act = queueAction(this.#aws, action, place);
    return new Gatherer(REQUESTS_IN_FLIGHT_MAX, (entries) =>
      batchRequest(
        this.#aws.context,
        what,
        entries.map(({ input }) => input),
        act,
      ),
    );
  }
}
