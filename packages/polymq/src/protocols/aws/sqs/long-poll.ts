/**
 * ReceiveMessage calls that wait for a message. To the queue each is a consumer that comes and goes: the first message that
 * is its turn ends it at the end of the turn of the event loop, together with what else has come by then.
 *
 *   wait ─► deliver … ─► end of turn ─► answered
 *     └─ time is over, client gone, queue deleted, broker stopping ─► answered with nothing
 */
import type { MessageView } from '../../../core/message/message-bytes.ts';
import type { Queue, QueueConsumer } from '../../../core/queue/queue.ts';
import type { Environment } from '../../../lib/environment/environment.ts';
import { TimerWheel } from '../../../lib/timer-wheel.ts';
import type { Reception } from './reception.ts';

/** All calls that wait. */
export class LongPolls {
  readonly #environment: Environment;
  readonly #wheel: TimerWheel;
  readonly #waiting = new Map<number, LongPoll>();
  #nextKey = 1;
  #stopped = false;

  constructor(environment: Environment) {
    this.#environment = environment;
    const { clock, timers } = environment;
    this.#wheel = new TimerWheel({ clock, timers, onDue: (key) => this.#waiting.get(key)?.end() });
  }

  get count(): number {
    return this.#waiting.size;
  }

  /** Resolves when the reception has messages, or the time is over. */
  wait(reception: Reception, waitMs: number): Promise<void> {
    if (this.#stopped) return Promise.resolve();
    const key = this.#nextKey;
    this.#nextKey = key === 0x7fff_ffff ? 1 : key + 1;
    const timer = this.#wheel.add(waitMs, key);
    return new Promise((resolve) => {
      const poll = new LongPoll(reception, this.#environment, () => {
        this.#waiting.delete(key);
        this.#wheel.cancel(timer);
        resolve();
      });
      this.#waiting.set(key, poll);
      poll.start();
    });
  }

  /** Ends all, and those that come. */
  stop(): void {
    this.#stopped = true;
    for (const poll of [...this.#waiting.values()]) poll.end();
    this.#wheel.stop();
  }
}

class LongPoll implements QueueConsumer {
  readonly noAck = false;
  readonly counted = true;
  readonly passing = true;
  readonly leaseMs: number;
  readonly #reception: Reception;
  readonly #environment: Environment;
  readonly #onEnd: () => void;
  #ended = false;
  #ending = false;

  constructor(reception: Reception, environment: Environment, onEnd: () => void) {
    this.#reception = reception;
    this.#environment = environment;
    this.#onEnd = onEnd;
    this.leaseMs = reception.options.visibilityMs;
  }

  start(): void {
    const { queue, call } = this.#reception.options;
    call.exchange.onClosed = () => this.end();
    queue.addConsumer(this);
  }

  ready(): boolean {
    return !this.#ended && !this.#reception.full;
  }

  deliver(_queue: Queue, row: number, view: MessageView): void {
    this.#reception.add(row, view);
    if (this.#ending) return;
    this.#ending = true;
    this.#environment.timers.immediate(() => this.end());
  }

  onCancelled(): void {
    this.#finish();
  }

  end(): void {
    if (this.#ended) return;
    const { queue } = this.#reception.options;
    this.#finish();
    if (!queue.deleted) queue.removeConsumer(this);
  }

  #finish(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#reception.options.call.exchange.onClosed = undefined;
    this.#onEnd();
  }
}
