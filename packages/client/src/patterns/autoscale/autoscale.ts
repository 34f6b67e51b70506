/**
 * A consumer that works harder when there is more to do: its concurrency follows what waits.
 *
 *   const consumer = images.consume(resize)
 *   const scaler = autoscale(consumer, { min: 1, max: 20, lag: 50 })    // one handler per 50 waiting messages
 *
 * Up at once, since a backlog costs its readers time; down slowly, since an empty moment says little: only when fewer handlers would have
 * done for several looks in a row, and then to what the busiest of these looks asked for. Handlers that are busy are never taken away.
 * It scales this process; more processes are the business of who runs them, by `queue.stats()` or the lag of the group.
 */
import { PolymqError } from '../../errors.ts';
import { backgroundClock, type Clock, type ClockTimer } from '../../lib/clock.ts';
import { warn } from '../../lib/describe.ts';
import { type Duration, durationMs } from '../../lib/duration.ts';
import { sourceOf } from '../../queue/consumer-source.ts';
import type { Consumer, Queue } from '../../queue/queue.ts';
import type { Group } from '../../topic/topic.ts';

const LAG = 10;
const INTERVAL_MS = 5_000;
const CALM_LOOKS = 3;

export interface AutoscaleOptions {
  /**
   * What waits: a queue's ready messages, a group's uncommitted records, or what a function of yours counts. Missing: those of the queue or group that
   * the consumer is of.
   */
  of?: Waiting;
  /** Missing: 1. */
  min?: number;
  max: number;
  /** How many may wait per handler before there is another one. Missing: 10. */
  lag?: number;
  /** How often it looks. Missing: 5 s. */
  interval?: Duration;
  /** How many looks in a row must find too many handlers before there are fewer. Missing: 3. */
  calmLooks?: number;
  /** Told of each change. */
  onScale?: (change: { from: number; to: number; waiting: number }) => void;
  /** Told when the engine cannot be asked; the concurrency stays as it is. Missing: a warning of the process. */
  onError?: (error: unknown) => void;
  /** Give `mq.clock` where tests move the time. Missing: the time of this machine. */
  clock?: Clock;
}

type Waiting = Queue<never> | Queue | Group<never> | Group | (() => number | Promise<number>);

/** What `autoscale` started. It ends with the consumer. */
export interface Autoscaler extends Disposable {
  /** What waited at the last look; undefined before the first. */
  readonly waiting: number | undefined;
  /** Looks now. */
  look(): Promise<void>;
  /** The concurrency stays as it is then. */
  stop(): void;
}

/** Begins with a look at once. Throws `invalid-argument`. */
export function autoscale(consumer: Consumer, options: AutoscaleOptions): Autoscaler {
  return new ConcurrencyScaler(consumer, options);
}

class ConcurrencyScaler implements Autoscaler {
  waiting: number | undefined;
  readonly #consumer: Consumer;
  readonly #options: AutoscaleOptions;
  readonly #of: Waiting;
  readonly #clock: Clock;
  readonly #min: number;
  readonly #lag: number;
  readonly #intervalMs: number;
  readonly #calmLooks: number;
  /** What each of the last looks asked for, since the last one that asked for no fewer than there are. */
  #calm: number[] = [];
  #timer: ClockTimer | undefined;
  #stopped = false;

  constructor(consumer: Consumer, options: AutoscaleOptions) {
    const { min = 1, max, lag = LAG, calmLooks = CALM_LOOKS } = options;
    checkCount('min', min, 1);
    checkCount('max', max, min);
    checkCount('calmLooks', calmLooks, 1);
    if (!(lag > 0)) throw invalid('lag', lag, 'a number above 0');
    const of = options.of ?? (sourceOf(consumer) as Queue | Group | undefined);
    if (of === undefined) throw invalid('of', 'missing', 'what this consumer consumes');
    this.#of = of;
    this.#consumer = consumer;
    this.#options = options;
    this.#clock = options.clock ?? backgroundClock;
    this.#min = min;
    this.#lag = lag;
    this.#intervalMs = durationMs(options.interval ?? INTERVAL_MS, 'interval of autoscale');
    this.#calmLooks = calmLooks;
    const stop = (): void => this.stop();
    consumer.closed.then(stop, stop);
    void this.#run();
  }

  async look(): Promise<void> {
    try {
      const waiting = await waitingIn(this.#of);
      this.waiting = waiting;
      if (!this.#stopped) this.#decide(waiting);
    } catch (error) {
      (this.#options.onError ?? warn)(error);
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  [Symbol.dispose](): void {
    this.stop();
  }

  async #run(): Promise<void> {
    await this.look();
    if (this.#stopped) return;
    this.#timer = this.#clock.after(this.#intervalMs, () => void this.#run());
  }

  #decide(waiting: number): void {
    const { concurrency, running } = this.#consumer;
    const asked = this.#within(Math.max(Math.ceil(waiting / this.#lag), this.#min));
    if (concurrency < this.#min || asked >= concurrency) {
      this.#calm = [];
      if (asked > concurrency) this.#scale(concurrency, asked, waiting);
      return;
    }
    this.#calm.push(this.#within(Math.max(asked, running)));
    if (this.#calm.length < this.#calmLooks) return;
    const enough = Math.max(...this.#calm);
    this.#calm = [];
    if (enough < concurrency) this.#scale(concurrency, enough, waiting);
  }

  #within(concurrency: number): number {
    return Math.min(concurrency, this.#options.max);
  }

  #scale(from: number, to: number, waiting: number): void {
    this.#consumer.setConcurrency(to);
    this.#options.onScale?.({ from, to, waiting });
  }
}

async function waitingIn(of: Waiting): Promise<number> {
  if (typeof of === 'function') return of();
  if ('lag' in of) return (await of.lag()).total;
  return (await of.stats()).ready;
}

function checkCount(name: string, value: number, min: number): void {
  if (!Number.isSafeInteger(value) || value < min) {
    throw invalid(name, value, `a whole number, ${min} or more`);
  }
}

function invalid(name: string, value: unknown, advice: string): PolymqError {
  return new PolymqError('invalid-argument', `${name} of autoscale is ${value}; give ${advice}`);
}
