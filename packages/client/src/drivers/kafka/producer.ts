/**
 * Writes records: idempotent, acks from all in-sync replicas, one round of requests at a time. What is asked for while
 * a round is on its way goes together into the next, so a thousand single sends cost about as much as one batch.
 *
 *   waiting jobs ──► round: one batch per partition, within the limits ──► one request per leader ──► outcomes
 *                      ▲                                                        │ no answer, not the leader …
 *                      └────────────── the same batch, the same numbers ◄───────┘ until time is up
 *
 * One record that the broker does not take has its whole batch refused, so such a batch is halved until that record is alone.
 *
 * Always so: a batch that may be stored is sent again only with the sequence number it had, so that the broker knows it, and when it is
 * given up, the numbers begin anew under another producer id: were they reused, the broker would take the next
 * batch for that one and drop it.
 */

import type { PublishOutcome } from '../../driver/driver.ts';
import { PolymqError } from '../../errors.ts';
import { sleep } from '../../lib/clock.ts';
import type { WireMessage } from '../../message/wire-message.ts';
import {
  asPolymqError,
  isPassing,
  isPassingName,
  isUnanswered,
  kafkaErrorOf,
  namedError,
} from './errors.ts';
import { partitionOfKey } from './murmur2.ts';
import { keyBytes, type OutgoingRecord, recordBytes, toRecord } from './records.ts';
import type { Wire } from './wire.ts';

/** Per message, in the order given. */
export type ProduceOutcome = PublishOutcome | PolymqError;

export interface ProduceOptions {
  /** Records without a key: `batch` keeps those of one call together, `spread` deals them out, some at a time. */
  readonly keyless: 'batch' | 'spread';
  /** Where they go whatever their keys are. */
  readonly partition?: number | undefined;
}

/** Of records of one batch. Kafka's own default for a whole request is 1 MiB. */
const BATCH_BYTES_MAX = 512 * 1024;
/** Few messages of one call stay in their order, many are shared among consumers. */
const SPREAD_AT_ONCE = 10;
const ROUND_RECORDS_MAX = 10_000;
const ROUND_BYTES_MAX = 8 * 1024 * 1024;
const RETRY_MS = { first: 20, longest: 500 } as const;
/** Of sequence numbers: a 31-bit ring. */
const SEQUENCES = 2 ** 31;
const ACKS_ALL = -1;
const DUPLICATE = 'DUPLICATE_SEQUENCE_NUMBER';
/** The broker does not know these numbers; if it got them for the first time, nothing was stored. */
const NUMBERS_REFUSED: ReadonlySet<string> = new Set([
  'OUT_OF_ORDER_SEQUENCE_NUMBER',
  'UNKNOWN_PRODUCER_ID',
  'INVALID_PRODUCER_EPOCH',
  'INVALID_PRODUCER_ID_MAPPING',
]);

/** Refused for what one of the records is: the others may be taken without it. Nothing was stored. */
const FOR_ITS_RECORDS: ReadonlySet<string> = new Set([
  'MESSAGE_TOO_LARGE',
  'RECORD_LIST_TOO_LARGE',
  'INVALID_RECORD',
  'INVALID_TIMESTAMP',
  'POLICY_VIOLATION',
]);

/** One call of `send`. */
interface Job {
  readonly topic: string;
  readonly messages: readonly WireMessage[];
  readonly options: ProduceOptions;
  readonly outcomes: ProduceOutcome[];
  /** Of messages, from the first. */
  taken: number;
  open: number;
  /** The partition for its keyless records, and at which of its messages it was drawn. */
  sticky: number;
  drawnAt: number;
  resolve(outcomes: ProduceOutcome[]): void;
}

interface Batch {
  readonly topic: string;
  readonly partition: number;
  readonly records: OutgoingRecord[];
  /** Whose message each record is: job and index. */
  readonly jobs: Job[];
  readonly indexes: number[];
  bytes: number;
  sequence: number;
  /** It was sent, and no answer came: it may be stored. */
  doubtful: boolean;
  settled: boolean;
}

/** What becomes of the batches of one round. */
interface Round {
  /** Worth another try. */
  readonly again: Batch[];
  readonly problems: Map<Batch, PolymqError>;
  readonly halves: (readonly [Batch, Batch])[];
}

interface ProduceAnswer {
  readonly responses: readonly {
    readonly name: string;
    readonly partitionResponses: readonly {
      readonly index: number;
      readonly errorCode: number;
      readonly baseOffset: bigint;
      readonly errorMessage: string | null;
    }[];
  }[];
}

interface ProducerIdentity {
  readonly producerId: bigint;
  readonly producerEpoch: number;
}

export class KafkaProducer {
  readonly #wire: Wire;
  readonly #waiting: Job[] = [];
  readonly #sequences = new Map<string, number>();
  readonly #turns = new Map<string, number>();
  #identity: ProducerIdentity | undefined;
  #running = false;

  constructor(wire: Wire) {
    this.#wire = wire;
  }

  /** Resolves when every message has its outcome. Rejects only if the topic cannot be found or reached at all. */
  send(
    topic: string,
    messages: readonly WireMessage[],
    options: ProduceOptions,
  ): Promise<ProduceOutcome[]> {
    if (messages.length === 0) return Promise.resolve([]);
    return new Promise((resolve) => {
      const outcomes = new Array<ProduceOutcome>(messages.length);
      const open = messages.length;
      this.#waiting.push({
        topic,
        messages,
        options,
        outcomes,
        taken: 0,
        open,
        sticky: -1,
        drawnAt: -1,
        resolve,
      });
      if (this.#running) return;
      this.#running = true;
      queueMicrotask(() => void this.#run());
    });
  }

  /** What is on its way fails. */
  async close(): Promise<void> {
    await this.#wire.close();
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      const topics = new Set(this.#waiting.map((job) => job.topic));
      const counts = await this.#partitionCounts(topics);
      await this.#deliver(this.#nextRound(counts));
    }
    this.#running = false;
  }

  /** Jobs for topics that are not there fail here, without holding up the others. */
  async #partitionCounts(topics: ReadonlySet<string>): Promise<Map<string, number>> {
    const counts = new Map<string, number>();
    await Promise.all(
      [...topics].map(async (topic) => {
        try {
          const what = `send to "${topic}"`;
          const found = await this.#wire.retry(what, () => this.#wire.metadata([topic]));
          counts.set(topic, found.topics.get(topic)!.partitionsCount);
        } catch (error) {
          this.#failTopic(topic, asPolymqError(error, `send to "${topic}"`));
        }
      }),
    );
    return counts;
  }

  #failTopic(topic: string, error: PolymqError): void {
    for (let at = this.#waiting.length - 1; at >= 0; at -= 1) {
      const job = this.#waiting[at]!;
      if (job.topic !== topic) continue;
      this.#waiting.splice(at, 1);
      while (job.taken < job.messages.length) settle(job, job.taken++, error);
    }
  }

  #nextRound(counts: ReadonlyMap<string, number>): Batch[] {
    const batches = new Map<string, Batch>();
    const full = new Set<string>();
    let bytes = 0;
    let records = 0;
    for (const job of this.#waiting) {
      const count = counts.get(job.topic);
      // A topic that came while the others were looked up waits for the next round, and so does what
      // stands behind a full batch: the order of a topic's messages is kept.
      if (count === undefined || full.has(job.topic)) continue;
      while (job.taken < job.messages.length) {
        if (records >= ROUND_RECORDS_MAX || bytes >= ROUND_BYTES_MAX) break;
        const added = this.#take(job, count, batches);
        if (added === 0) {
          full.add(job.topic);
          break;
        }
        bytes += added;
        records += 1;
      }
    }
    for (let at = this.#waiting.length - 1; at >= 0; at -= 1) {
      const job = this.#waiting[at]!;
      if (job.taken === job.messages.length) this.#waiting.splice(at, 1);
    }
    return [...batches.values()];
  }

  /** Puts the job's next message into its batch; 0 if that is full. */
  #take(job: Job, partitions: number, batches: Map<string, Batch>): number {
    const { topic } = job;
    const index = job.taken;
    const message = job.messages[index]!;
    const key = keyBytes(message.key);
    const partition = this.#partitionOf(job, key, partitions);
    const record = toRecord(message, { topic, partition, key });
    const bytes = recordBytes(record);
    const name = `${topic}:${partition}`;
    let batch = batches.get(name);
    if (batch !== undefined && batch.bytes + bytes > BATCH_BYTES_MAX) return 0;
    if (batch === undefined) {
      const lists = { records: [], jobs: [], indexes: [] };
      batch = {
        topic,
        partition,
        ...lists,
        bytes: 0,
        sequence: -1,
        doubtful: false,
        settled: false,
      };
      batches.set(name, batch);
    }
    batch.records.push(record);
    batch.jobs.push(job);
    batch.indexes.push(index);
    batch.bytes += bytes;
    job.taken += 1;
    return bytes;
  }

  #partitionOf(job: Job, key: Buffer | undefined, partitions: number): number {
    if (job.options.partition !== undefined) return job.options.partition;
    if (key !== undefined) return partitionOfKey(key, partitions);
    const { taken, drawnAt } = job;
    const some = job.options.keyless === 'batch' ? Number.POSITIVE_INFINITY : SPREAD_AT_ONCE;
    if (drawnAt >= 0 && taken - drawnAt < some) return job.sticky % partitions;
    const turn = this.#turns.get(job.topic) ?? Math.floor(Math.random() * partitions);
    this.#turns.set(job.topic, (turn + 1) % partitions);
    job.sticky = turn;
    job.drawnAt = taken;
    return turn % partitions;
  }

  async #deliver(batches: readonly Batch[], endMs = this.#endMs()): Promise<void> {
    const { clock } = this.#wire.options;
    const halves: Round['halves'] = [];
    let open = batches;
    for (
      let delayMs: number = RETRY_MS.first;
      ;
      delayMs = Math.min(2 * delayMs, RETRY_MS.longest)
    ) {
      const round: Round = { again: [], problems: new Map(), halves };
      await this.#attempt(open, round);
      open = round.again;
      if (open.length === 0) break;
      if (this.#wire.closed || clock.nowMs() + delayMs > endMs) {
        this.#abandon(open, round.problems);
        break;
      }
      await sleep(clock, delayMs, this.#wire.signal);
    }
    if (halves.length === 0) return;
    const [firsts, seconds] = [halves.map(([first]) => first), halves.map(([, second]) => second)];
    await this.#deliver(firsts, endMs);
    await this.#deliver(seconds, endMs);
  }

  #endMs(): number {
    const { clock, timeoutMs } = this.#wire.options;
    return clock.nowMs() + timeoutMs;
  }

  async #attempt(batches: readonly Batch[], round: Round): Promise<void> {
    const failed = (some: readonly Batch[], error: unknown): void => {
      for (const batch of some) this.#judge(batch, error, round);
    };
    try {
      const open = this.#identity === undefined ? this.#withoutNumbers(batches) : batches;
      this.#identity ??= await this.#newIdentity();
      for (const batch of open) this.#number(batch);
      const byLeader = await this.#byLeader(open);
      await Promise.all(
        [...byLeader].map(async ([leader, some]) => {
          try {
            this.#read(some, await this.#produce(leader, some), round);
          } catch (error) {
            const answer = answerWithin(error);
            if (answer === undefined) {
              if (isUnanswered(error)) for (const batch of some) batch.doubtful = true;
              failed(some, error);
            } else this.#read(some, answer, round);
          }
        }),
      );
    } catch (error) {
      round.again.length = 0;
      failed(
        batches.filter(({ settled }) => !settled),
        error,
      );
    }
  }

  /** Numbers hold for one producer id only; under another one, what may be stored could be stored twice. */
  #withoutNumbers(batches: readonly Batch[]): Batch[] {
    const lost = batches.filter(({ doubtful }) => doubtful);
    for (const batch of lost) this.#abandon([batch], new Map([[batch, doubt(batch)]]));
    const open = batches.filter(({ doubtful }) => !doubtful);
    for (const batch of open) batch.sequence = -1;
    return open;
  }

  async #newIdentity(): Promise<ProducerIdentity> {
    this.#sequences.clear();
    return this.#wire.call('InitProducerId', undefined, [null, 60_000, -1n, -1]);
  }

  #number(batch: Batch): void {
    if (batch.sequence >= 0) return;
    const name = `${batch.topic}:${batch.partition}`;
    batch.sequence = this.#sequences.get(name) ?? 0;
    this.#sequences.set(name, (batch.sequence + batch.records.length) % SEQUENCES);
  }

  async #byLeader(batches: readonly Batch[]): Promise<Map<number, Batch[]>> {
    const topics = [...new Set(batches.map(({ topic }) => topic))];
    const metadata = await this.#wire.metadata(topics);
    const byLeader = new Map<number, Batch[]>();
    for (const batch of batches) {
      const leader = metadata.topics.get(batch.topic)?.partitions[batch.partition]?.leader ?? -1;
      const group = byLeader.get(leader);
      if (group === undefined) byLeader.set(leader, [batch]);
      else group.push(batch);
    }
    return byLeader;
  }

  #produce(leader: number, batches: readonly Batch[]): Promise<ProduceAnswer> {
    const numbers = new Map(
      batches.map(({ topic, partition, sequence }) => [`${topic}:${partition}`, sequence]),
    );
    const { timeoutMs } = this.#wire.options;
    return this.#wire.call('Produce', leader, [
      ACKS_ALL,
      Math.min(timeoutMs, 30_000),
      batches.flatMap(({ records }) => records),
      {
        ...this.#identity,
        sequences: { getWithDefault: (name: string) => numbers.get(name) ?? 0 },
      },
    ]);
  }

  #read(batches: readonly Batch[], answer: ProduceAnswer, round: Round): void {
    for (const batch of batches) {
      const found = answer.responses
        .find(({ name }) => name === batch.topic)
        ?.partitionResponses.find(({ index }) => index === batch.partition);
      const name = this.#errorName(found?.errorCode);
      if (name === undefined) succeed(batch, Number(found!.baseOffset));
      else if (name === DUPLICATE) succeed(batch, -1);
      else {
        const what = `send to "${batch.topic}"`;
        this.#judge(batch, namedError(name, what, found?.errorMessage), round, name);
      }
    }
  }

  #errorName(code: number | undefined): string | undefined {
    if (code === 0) return undefined;
    const names = this.#wire.options.library.protocolErrorsCodesById as Record<number, string>;
    return code === undefined ? 'UNKNOWN_SERVER_ERROR' : (names[code] ?? `error ${code}`);
  }

  #judge(
    batch: Batch,
    error: unknown,
    { again, problems, halves }: Round,
    name: string | undefined = kafkaErrorOf(error),
  ): void {
    const what = `send to "${batch.topic}"`;
    if (name !== undefined && NUMBERS_REFUSED.has(name)) {
      // The broker forgot this producer: it begins anew. What is not doubtful is not stored.
      this.#identity = undefined;
    } else if (isDivisible(batch, name)) {
      batch.settled = true;
      this.#takeNumbersBack(batch);
      halves.push(halvesOf(batch));
      return;
    } else if (!(name === undefined ? isPassing(error) : isPassingName(name))) {
      this.#abandon([batch], new Map([[batch, asPolymqError(error, what)]]));
      return;
    }
    problems.set(batch, asPolymqError(error, what));
    again.push(batch);
  }

  #takeNumbersBack({ topic, partition, sequence }: Batch): void {
    if (sequence >= 0) this.#sequences.set(`${topic}:${partition}`, sequence);
  }

  /** Gives up. What the broker has refused leaves its numbers to the next batch. */
  #abandon(batches: readonly Batch[], problems: ReadonlyMap<Batch, PolymqError>): void {
    for (const batch of batches) {
      batch.settled = true;
      if (batch.doubtful) this.#identity = undefined;
      else this.#takeNumbersBack(batch);
      const error =
        problems.get(batch) ?? new PolymqError('timeout', `send to "${batch.topic}" took too long`);
      for (const [at, job] of batch.jobs.entries()) settle(job, batch.indexes[at]!, error);
    }
  }
}

function isDivisible({ records, doubtful }: Batch, name: string | undefined): boolean {
  return name !== undefined && FOR_ITS_RECORDS.has(name) && records.length > 1 && !doubtful;
}

function halvesOf(batch: Batch): readonly [Batch, Batch] {
  const middle = batch.records.length >> 1;
  const part = (from: number, to?: number): Batch => {
    const records = batch.records.slice(from, to);
    const jobs = batch.jobs.slice(from, to);
    const indexes = batch.indexes.slice(from, to);
    const bytes = records.reduce((sum, record) => sum + recordBytes(record), 0);
    return { ...batch, records, jobs, indexes, bytes, sequence: -1, settled: false };
  };
  return [part(0, middle), part(middle)];
}

/** Kafka answers all partitions; the library throws when one of them has an error, and keeps the answer. */
function answerWithin(error: unknown): ProduceAnswer | undefined {
  const { response } = error as { response?: ProduceAnswer };
  return response?.responses === undefined ? undefined : response;
}

function doubt(batch: Batch): PolymqError {
  return new PolymqError(
    'disconnected',
    `send to "${batch.topic}" failed: the connection was lost before the answer, and the broker no longer knows this producer; the messages may or may not be stored`,
  );
}

function succeed(batch: Batch, baseOffset: number): void {
  const { partition } = batch;
  batch.settled = true;
  for (const [at, job] of batch.jobs.entries()) {
    const offset = baseOffset < 0 ? -1 : baseOffset + at;
    settle(job, batch.indexes[at]!, { partition, offset });
  }
}

function settle(job: Job, index: number, outcome: ProduceOutcome): void {
  job.outcomes[index] = outcome;
  job.open -= 1;
  if (job.open === 0) job.resolve(job.outcomes);
}
