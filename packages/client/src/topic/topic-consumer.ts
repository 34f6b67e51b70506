/**
 * Hands the records of a topic to a handler: in order per partition with one handler, in order per key with more.
 *
 *   driver ─ deliver(partition) ─► work list ─ pump ─► decode ─► filter ─► handler ─► done ─► commit
 *               ▲ waits while more than the prefetch waits here     └ throw: again in place, after a wait;
 *               └──────────────────────────────────────────────────── then it is buried, and counts as done
 *
 * A record that waits for its next attempt keeps its handler's place, so that nothing overtakes it that must not.
 */
import type { GroupSink, TopicSubscription } from '../driver/driver.ts';
import type { PolymqError } from '../errors.ts';
import { type ClockTimer, sleep } from '../lib/clock.ts';
import { receiveChannel, settleChannel } from '../lib/diagnostics.ts';
import { through } from '../lib/maybe.ts';
import { KeyedWork, PlainWork, type WorkList } from '../lib/work-list.ts';
import type { Message } from '../message/message.ts';
import { MessageReader } from '../message/message-reader.ts';
import type { TopicRecord } from '../message/wire-message.ts';
import { tellSettled, wrapProcess } from '../message/wrapping.ts';
import { BaseConsumer } from '../queue/base-consumer.ts';
import { GIVE_BACK } from '../queue/message-iterator.ts';
import type { ConsumeOptions } from '../queue/queue.ts';
import type { Reading } from './reading.ts';
import { TopicMessage } from './topic-message.ts';

/** How long handlers may go on when their partition is to be given to another member. */
const REVOKED_WAIT_MS = 5_000;
const AGAIN_MS = 1_000;
/** Records are in this process already, and of partitions that nobody else reads. */
const PREFETCH_MIN = 10;

export class TopicConsumer extends BaseConsumer implements GroupSink {
  readonly #reading: Reading;
  readonly #reader: MessageReader;
  readonly #handle: (message: Message) => unknown;
  #work: WorkList<TopicMessage>;
  /** Handlers have them, or they wait for their next attempt. */
  readonly #active = new Set<TopicMessage>();
  readonly #waits = new Map<TopicMessage, ClockTimer>();
  /** How many no handler has. */
  #waiting = 0;
  /** Deliveries that go on when there is room. */
  #blocked: (() => void)[] = [];
  readonly #idlers = new Set<() => void>();
  readonly #prefetch: number | undefined;
  #subscription: TopicSubscription | undefined = undefined;
  /** Partitions that are being given up; what comes of them meanwhile is of a later assignment, and waits. */
  readonly #revoking = new Map<number, Promise<void>>();
  #isOver = false;

  constructor(reading: Reading, handler: (message: Message) => unknown, options: ConsumeOptions) {
    const { plan } = reading;
    super(plan.context, plan.label, options);
    this.#reading = reading;
    this.#prefetch = options.prefetch;
    this.#reader = new MessageReader(plan.place, plan.contracts, plan.interceptors);
    this.#handle = wrapProcess(plan.place, plan.interceptors, handler);
    this.#work = this.concurrency === 1 ? new PlainWork() : new KeyedWork();
    this.begin(options.signal);
  }

  // ── What the driver tells ───────────────────────────────────────────────────────────────────

  deliver(records: readonly TopicRecord[]): void | Promise<void> {
    if (this.#isOver) return undefined;
    const revoking = this.#revoking.size === 0 ? undefined : this.#revokingOf(records);
    if (revoking !== undefined) {
      // Revoked once more meanwhile: then these are gone as well.
      return revoking.then(() =>
        this.#revokingOf(records) === undefined ? this.deliver(records) : undefined,
      );
    }
    if (!this.isClosing) {
      for (const record of records) {
        const message = new TopicMessage(record, this.#reading.plan, this.#onDone);
        this.#reading.committing?.add(message);
        this.#work.push(message);
      }
      this.#waiting += records.length;
      this.pump();
      if (this.#hasRoom()) return undefined;
    }
    return new Promise((resolve) => this.#blocked.push(resolve));
  }

  revoked(partitions: readonly number[]): Promise<void> {
    const before = partitions.map((partition) => this.#revoking.get(partition));
    const over = Promise.all([...before, this.#revoke(partitions)]);
    const revoked = over.then(noop).finally(() => {
      for (const partition of partitions) {
        if (this.#revoking.get(partition) === revoked) this.#revoking.delete(partition);
      }
    });
    for (const partition of partitions) this.#revoking.set(partition, revoked);
    return revoked;
  }

  #revokingOf(records: readonly TopicRecord[]): Promise<void> | undefined {
    const [first] = records;
    return first === undefined ? undefined : this.#revoking.get(first.partition);
  }

  async #revoke(partitions: readonly number[]): Promise<void> {
    const gone = new Set(partitions);
    const isGone = ({ record }: TopicMessage): boolean => gone.has(record.partition);
    this.#dropWaiting(isGone);
    await this.#untilNone(isGone, REVOKED_WAIT_MS);
    await this.#reading.committing?.flush(partitions);
    for (const message of [...this.#active].filter(isGone)) this.#lose(message);
    this.#reading.committing?.drop(partitions);
  }

  ended(error: PolymqError): void {
    this.#subscription = undefined;
    this.#dropWaiting(() => true);
    for (const message of this.#active) this.#lose(message);
    this.#letGo();
    this.fail(error);
  }

  // ── From the list to the handler and out ────────────────────────────────────────────────────

  protected override startNext(): boolean {
    const message = this.#work.next();
    if (message === undefined) return false;
    this.#waiting -= 1;
    if (this.#blocked.length > 0 && this.#hasRoom()) this.#letGo();
    this.#active.add(message);
    through(message, this.#read, this.#run, this.#unreadable);
    return true;
  }

  readonly #read = (message: TopicMessage): unknown => this.#reader.read(message);

  readonly #run = (message: TopicMessage): void => {
    const { filter, plan } = this.#reading;
    try {
      if (filter !== undefined && !filter(message)) {
        message.done();
        this.#finish(message);
        return;
      }
    } catch (error) {
      this.#failed(message, error);
      return;
    }
    if (receiveChannel.hasSubscribers) receiveChannel.publish({ place: plan.place, message });
    through(message, this.#handle, this.#ended, this.#failed);
  };

  /** The handler has returned, and may have said something before. */
  readonly #ended = (message: TopicMessage): void => {
    const { verdict } = message;
    if (message.state === 'lost') this.#finish(message);
    else if (verdict === undefined) {
      message.done();
      this.#tell(message, 'ack');
      this.#finish(message);
    } else if (verdict.kind === 'nack') this.#failed(message, verdict.reason, verdict.delayMs);
    else void this.#bury(message, verdict.reason);
  };

  readonly #failed = (message: TopicMessage, error: unknown, delayMs?: number): void => {
    const { retry, plan } = this.#reading;
    if (error === GIVE_BACK || message.state === 'lost') {
      this.#finish(message);
      return;
    }
    if (message.state === 'done') {
      this.report(error);
      this.#finish(message);
      return;
    }
    message.failedHere(error, plan.context.clock.nowMs());
    const failed = message.retryCount;
    if (failed > retry.max) {
      void this.#bury(message, error);
      return;
    }
    this.#tell(message, 'retry');
    if (this.isClosing) this.#finish(message);
    else this.#again(message, delayMs ?? retry.delayMs(failed, error));
  };

  #again(message: TopicMessage, waitMs: number): void {
    const timer = this.#reading.plan.context.clock.after(waitMs, () => {
      this.#waits.delete(message);
      this.#run(message);
    });
    this.#waits.set(message, timer);
  }

  readonly #unreadable = (message: TopicMessage, error: unknown): void => {
    this.report(error);
    message.failedHere(error, this.#reading.plan.context.clock.nowMs());
    void this.#bury(message, error);
  };

  /** Until it is stored where the dead are, nothing goes on that has to be behind it. */
  async #bury(message: TopicMessage, reason: unknown): Promise<void> {
    while (message.state === 'open') {
      try {
        const isStored = await this.#reading.bury(message, reason);
        if (!isStored) this.report(reason);
        message.done();
        this.#tell(message, 'dead-letter');
      } catch (error) {
        this.report(error);
        if (this.isClosing) break;
        await sleep(this.#reading.plan.context.clock, AGAIN_MS, this.stopped.signal);
      }
    }
    this.#finish(message);
  }

  #finish(message: TopicMessage): void {
    this.#active.delete(message);
    this.#work.done(message);
    this.workDone();
    if (this.#idlers.size > 0) for (const look of [...this.#idlers]) look();
  }

  readonly #onDone = (message: TopicMessage): void => {
    this.#reading.committing?.done(message);
  };

  #tell(message: TopicMessage, outcome: 'ack' | 'retry' | 'dead-letter' | 'lost'): void {
    const { place, interceptors, context } = this.#reading.plan;
    if (settleChannel.hasSubscribers) settleChannel.publish({ place, message, outcome });
    tellSettled(interceptors, message.wire, place, outcome, context.onError);
  }

  #lose(message: TopicMessage): void {
    if (message.state !== 'open') return;
    message.lose();
    this.#tell(message, 'lost');
  }

  // ── Room, and what is dropped ───────────────────────────────────────────────────────────────

  #hasRoom(): boolean {
    return (
      this.#waiting <= this.concurrency + (this.#prefetch ?? Math.max(PREFETCH_MIN, this.prefetch))
    );
  }

  #letGo(): void {
    const blocked = this.#blocked;
    this.#blocked = [];
    for (const resume of blocked) resume();
  }

  /** What no handler has, and what waits for its next attempt. */
  #dropWaiting(which: (message: TopicMessage) => boolean): void {
    this.#work.prune((message) => {
      if (!which(message)) return false;
      message.lose();
      this.#waiting -= 1;
      return true;
    });
    for (const [message, timer] of [...this.#waits]) {
      if (!which(message)) continue;
      timer.cancel();
      this.#waits.delete(message);
      message.lose();
      this.#finish(message);
    }
    if (this.#hasRoom()) this.#letGo();
  }

  /** Resolves when no handler has one of them any more, or the time is over. */
  #untilNone(which: (message: TopicMessage) => boolean, waitMs: number): Promise<void> {
    const isNone = (): boolean => ![...this.#active].some(which);
    if (isNone()) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        timer.cancel();
        this.#idlers.delete(look);
        resolve();
      };
      const look = (): void => {
        if (isNone()) done();
      };
      const timer = this.context.clock.after(waitMs, done);
      this.#idlers.add(look);
    });
  }

  // ── Its life ────────────────────────────────────────────────────────────────────────────────

  protected override async open(): Promise<void> {
    const subscription = await this.#reading.open(this);
    this.#subscription = subscription;
    if (this.#isOver) await subscription.close();
  }

  /** Where one handler did, several need lanes: those of the key of a running one wait behind it. */
  protected override creditChanged(): void {
    if (this.concurrency === 1 || this.#work instanceof KeyedWork) return;
    const keyed = new KeyedWork<TopicMessage>();
    for (const message of this.#active) {
      keyed.push(message);
      keyed.next();
    }
    for (let next = this.#work.next(); next !== undefined; next = this.#work.next()) {
      keyed.push(next);
    }
    this.#work = keyed;
  }

  /** Commits need the subscription, so it ends last; until then it is only held up. */
  protected override async stopFetching(): Promise<void> {}

  protected override async giveBackWaiting(): Promise<void> {
    this.#dropWaiting(() => true);
  }

  protected override async giveBackRunning(reason: PolymqError): Promise<void> {
    for (const message of this.#active) message.abort(reason);
  }

  protected override async finished(): Promise<void> {
    await this.#reading.committing?.flush();
    this.#isOver = true;
    const closed = this.#subscription?.close();
    this.#letGo();
    await closed;
  }
}

function noop(): void {}
