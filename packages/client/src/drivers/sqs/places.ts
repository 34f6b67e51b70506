/**
 * Which queue of SQS a name stands for. The name of a FIFO queue must end in `.fifo` there, so `orders` is `orders.fifo` if it was declared with
 * `fifo`; a queue that was declared elsewhere is found under either name. A queue that exists is used as it is, whatever its attributes.
 */
import type { QueueSpec } from '../../driver/driver.ts';
import { PolymqError } from '../../errors.ts';
import type { Aws } from './aws.ts';
import { FIFO_SUFFIX, NAME_LENGTH_MAX, RETENTION_SECONDS } from './limits.ts';

export interface QueuePlace {
  /** As the program says it. */
  readonly name: string;
  readonly url: string;
  readonly fifo: boolean;
}

/** Names that are known; more than any program has queues. */
const PLACES_MAX = 10_000;

export class QueuePlaces {
  readonly #aws: Aws;
  readonly #attributes: Readonly<Record<string, string>>;
  readonly #known = new Map<string, Promise<QueuePlace>>();

  constructor(aws: Aws, attributes: Readonly<Record<string, string>>) {
    this.#aws = aws;
    this.#attributes = attributes;
  }

  /** Rejects with `not-found`. */
  find(name: string): Promise<QueuePlace> {
    return this.#known.get(name) ?? this.#remember(name, this.#lookUp(name));
  }

  async declare(spec: QueueSpec): Promise<QueuePlace> {
    const { name, fifo } = spec;
    const own = fifo ? withSuffix(name) : name;
    checkName(name, own, fifo);
    const other = fifo ? name : withSuffix(name);
    const url = await this.urlOf(own);
    if (url === undefined && own !== other && (await this.urlOf(other)) !== undefined) {
      throw new PolymqError(
        'declared-otherwise',
        `Queue ${name} exists in SQS as ${other}, ${fifo ? 'without' : 'with'} order per key; declare it with fifo: ${!fifo}, or delete it`,
      );
    }
    const place = { name, url: url ?? (await this.create(own, {})), fifo };
    void this.#remember(name, Promise.resolve(place));
    return place;
  }

  /** Answers its URL. `.fifo` in the name makes it one. */
  async create(
    name: string,
    tags: Readonly<Record<string, string>>,
    retentionSeconds: number = RETENTION_SECONDS,
  ): Promise<string> {
    const Attributes = {
      MessageRetentionPeriod: `${retentionSeconds}`,
      ...this.#attributes,
      ...(name.endsWith(FIFO_SUFFIX) ? { FifoQueue: 'true' } : {}),
    };
    const input = { QueueName: name, Attributes, ...(Object.keys(tags).length > 0 && { tags }) };
    const answer = await this.#aws.sqs<{ QueueUrl: string }>('CreateQueue', input, {
      target: name,
    });
    return answer.QueueUrl;
  }

  forget(name: string): void {
    this.#known.delete(name);
  }

  async urlOf(name: string): Promise<string | undefined> {
    try {
      const input = { QueueName: name };
      const found = await this.#aws.sqs<{ QueueUrl: string }>('GetQueueUrl', input, {
        target: name,
      });
      return found.QueueUrl;
    } catch (error) {
      if (error instanceof PolymqError && error.code === 'not-found') return undefined;
      throw error;
    }
  }

  async #lookUp(name: string): Promise<QueuePlace> {
    const url = await this.urlOf(name);
    if (url !== undefined) return { name, url, fifo: name.endsWith(FIFO_SUFFIX) };
    const fifoUrl = name.endsWith(FIFO_SUFFIX) ? undefined : await this.urlOf(withSuffix(name));
    if (fifoUrl !== undefined) return { name, url: fifoUrl, fifo: true };
    throw new PolymqError(
      'not-found',
      `There is no queue ${name} in SQS; declare it, or check region, account and name`,
    );
  }

  #remember(name: string, place: Promise<QueuePlace>): Promise<QueuePlace> {
    if (this.#known.size >= PLACES_MAX) this.#known.clear();
    this.#known.set(name, place);
    place.catch(() => {
      if (this.#known.get(name) === place) this.#known.delete(name);
    });
    return place;
  }
}

function withSuffix(name: string): string {
  return name.endsWith(FIFO_SUFFIX) ? name : `${name}${FIFO_SUFFIX}`;
}

function checkName(name: string, own: string, fifo: boolean): void {
  if (!fifo && name.endsWith(FIFO_SUFFIX)) {
    throw new PolymqError(
      'invalid-argument',
      `Queue ${name}: a name that ends in ${FIFO_SUFFIX} is for queues with fifo: true in SQS`,
    );
  }
  const stem = own.endsWith(FIFO_SUFFIX) ? own.slice(0, -FIFO_SUFFIX.length) : own;
  if (own.length <= NAME_LENGTH_MAX && /^[A-Za-z0-9_-]+$/.test(stem)) return;
  throw new PolymqError(
    'invalid-argument',
    `SQS takes no queue of the name ${own}; use 1 to ${NAME_LENGTH_MAX} letters, digits, - and _ (${FIFO_SUFFIX} counts)`,
  );
}
