/**
 * Watches a queue or a group and raises the alarm: when a figure has been beyond its limit for long enough, and again when it is back.
 *
 *   quiet ── beyond the limit for `lasting` ──► firing ── back within it ──► quiet
 *
 * Depth, age and dead letters are asked of the engine, whoever consumes there; rate and error rate are of the consumers in this
 * process.
 */

import { backgroundClock, type Clock } from '../../lib/clock.ts';
import { warn } from '../../lib/describe.ts';
import { settleChannel } from '../../lib/diagnostics.ts';
import { type Duration, durationMs } from '../../lib/duration.ts';
import type { Place } from '../../message/interceptor.ts';
import type { Queue } from '../../queue/queue.ts';
import type { Group } from '../../topic/topic.ts';

export interface MonitorLimits {
  /** Ready messages. */
  depth?: number;
  /** How long the oldest ready message has waited. Not known on every engine. */
  age?: Duration;
  /** Share of attempts in this process that failed, 0 to 1, over the window. */
  errorRate?: number;
  /** Messages in the dead-letter queue. */
  deadLetters?: number;
  /** Records that a group has not handled. */
  lag?: number;
}

export interface MonitorOptions {
  /** How often it looks. Missing: 15 s. */
  interval?: Duration;
  /** How long a figure must be beyond its limit. Missing: 0, one look is enough. */
  lasting?: Duration;
  /** Over what rate and error rate are counted. Missing: 1 min. */
  window?: Duration;
  /** Told of every look: for metrics of your own. */
  onSample?: (sample: Sample) => void;
  /** Told when the engine cannot be asked, and of what `alert` and `onSample` throw; it goes on trying. Missing: a warning of the process. */
  onError?: (error: unknown) => void;
  /** Missing: the time of this machine. */
  clock?: Clock;
}

/** One look. What the engine does not tell is undefined. */
export interface Sample {
  /** Ms since the epoch. */
  readonly at: number;
  readonly depth: number | undefined;
  readonly leased: number | undefined;
  readonly delayed: number | undefined;
  readonly consumers: number | undefined;
  readonly ageMs: number | undefined;
  readonly deadLetters: number | undefined;
  readonly lag: number | undefined;
  /** Attempts per second in this process. */
  readonly rate: number;
  /** 0 to 1; 0 when there was no attempt. */
  readonly errorRate: number;
}

export interface Alert {
  /** The queue or group. */
  readonly name: string;
  readonly kind: keyof MonitorLimits;
  readonly state: 'firing' | 'resolved';
  readonly value: number;
  readonly limit: number;
  /** When it crossed the limit, ms since the epoch. */
  readonly since: number;
  /** For people: `orders: depth is 1200, limit 1000, for 30 s`. */
  readonly text: string;
}

export interface Monitor extends AsyncDisposable {
  /** The last look; undefined before the first. */
  readonly last: Sample | undefined;
  /** Looks now, and raises what is due. Rejects if the engine cannot be asked. */
  look(): Promise<Sample>;
  close(): Promise<void>;
}

/** Begins with a look at once. */
export function monitor(
  target: Queue<never> | Queue | Group<never> | Group,
  limits: MonitorLimits,
  alert: (alert: Alert) => void,
  options: MonitorOptions = {},
): Monitor {
  return new Watcher(target as Queue | Group, limits, alert, options);
}

/** What an attempt counts as, by its outcome. */
const FAILED = { ack: false, retry: true, 'dead-letter': true, lost: true } as const;

const SLOTS = 12;

class Watcher implements Monitor {
  last: Sample | undefined;
  readonly #target: Queue | Group;
  readonly #limits: readonly { kind: keyof MonitorLimits; limit: number }[];
  readonly #alert: (alert: Alert) => void;
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #lastingMs: number;
  readonly #onSample: ((sample: Sample) => void) | undefined;
  readonly #onError: (error: unknown) => void;
  readonly #attempts: Attempts;
  readonly #listener: (event: unknown) => void;
  /** When a figure crossed its limit, and whether that was told. */
  readonly #beyond = new Map<keyof MonitorLimits, { sinceMs: number; told: boolean }>();
  #timer: { cancel(): void } | undefined;
  #closed = false;
  /** The last look that was begun. */
  #looking: Promise<unknown> = Promise.resolve();

  constructor(
    target: Queue | Group,
    limits: MonitorLimits,
    alert: (alert: Alert) => void,
    options: MonitorOptions,
  ) {
    this.#target = target;
    this.#alert = alert;
    this.#clock = options.clock ?? backgroundClock;
    this.#intervalMs = durationMs(options.interval ?? '15s', 'interval');
    this.#lastingMs = durationMs(options.lasting ?? 0, 'lasting');
    this.#onSample = options.onSample;
    this.#onError = options.onError ?? warn;
    this.#limits = Object.entries(limits)
      .filter(([, limit]) => limit !== undefined)
      .map(([kind, limit]) => {
        const asMs = kind === 'age' ? durationMs(limit as Duration, 'age') : (limit as number);
        return { kind: kind as keyof MonitorLimits, limit: asMs };
      });
    const windowMs = durationMs(options.window ?? '1m', 'window');
    this.#attempts = new Attempts(this.#clock, windowMs);
    this.#listener = (event) =>
      this.#count(event as { place: Place; outcome: keyof typeof FAILED });
    settleChannel.subscribe(this.#listener);
    void this.#watch();
  }

  look(): Promise<Sample> {
    // One after the other: a look that began earlier may have asked before what the caller has done.
    const look = this.#looking.then(() => this.#look());
    this.#looking = look.catch(() => undefined);
    return look;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    settleChannel.unsubscribe(this.#listener);
    await this.#looking;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #watch(): Promise<void> {
    await this.look().catch((error: unknown) => this.#report(error));
    if (this.#closed) return;
    this.#timer = this.#clock.after(this.#intervalMs, () => void this.#watch());
  }

  async #look(): Promise<Sample> {
    const asked = isGroup(this.#target)
      ? { lag: (await this.#target.lag()).total }
      : await askQueue(this.#target, this.#clock);
    const sample: Sample = {
      ...UNKNOWN,
      ...asked,
      ...this.#attempts.rates(),
      at: this.#clock.nowMs(),
    };
    this.last = sample;
    this.#safely(() => this.#onSample?.(sample));
    for (const { kind, limit } of this.#limits)
      this.#compare(kind, figure(sample, kind), limit, sample.at);
    return sample;
  }

  #compare(
    kind: keyof MonitorLimits,
    value: number | undefined,
    limit: number,
    atMs: number,
  ): void {
    if (value === undefined) return;
    const state = this.#beyond.get(kind);
    if (value <= limit) {
      this.#beyond.delete(kind);
      if (state?.told === true)
        this.#tell(kind, 'resolved', { value, limit, sinceMs: state.sinceMs, atMs });
      return;
    }
    const begun = state ?? { sinceMs: atMs, told: false };
    this.#beyond.set(kind, begun);
    if (begun.told || atMs - begun.sinceMs < this.#lastingMs) return;
    begun.told = true;
    this.#tell(kind, 'firing', { value, limit, sinceMs: begun.sinceMs, atMs });
  }

  #tell(
    kind: keyof MonitorLimits,
    state: Alert['state'],
    {
      value,
      limit,
      sinceMs,
      atMs,
    }: { value: number; limit: number; sinceMs: number; atMs: number },
  ): void {
    const { name } = this.#target;
    const unit = kind === 'age' ? ' ms' : '';
    const seconds = Math.round((atMs - sinceMs) / 1_000);
    const duration = state === 'firing' ? `for ${seconds} s` : `back after ${seconds} s`;
    const text = `${name}: ${kind} is ${value}${unit}, limit ${limit}${unit}, ${duration}`;
    this.#safely(() => this.#alert({ name, kind, state, value, limit, since: sinceMs, text }));
  }

  /** The program's own code, which must not end the watch. */
  #safely(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#report(error);
    }
  }

  #report(error: unknown): void {
    try {
      this.#onError(error);
    } catch (another) {
      warn(another);
    }
  }

  #count({ place, outcome }: { place: Place; outcome: keyof typeof FAILED }): void {
    const { name } = this.#target;
    const isOurs = isGroup(this.#target)
      ? place.group === name && place.name === this.#target.topic
      : place.kind === 'queue' && place.name === name;
    if (isOurs) this.#attempts.add(FAILED[outcome]);
  }
}

const UNKNOWN = {
  depth: undefined,
  leased: undefined,
  delayed: undefined,
  consumers: undefined,
  ageMs: undefined,
  deadLetters: undefined,
  lag: undefined,
} as const;

/** Attempts of the last `windowMs`, in slots, so that a busy queue costs no more memory than a quiet one. */
class Attempts {
  readonly #clock: Clock;
  readonly #slotMs: number;
  readonly #slots = Array.from({ length: SLOTS }, () => ({ number: -1, done: 0, failed: 0 }));
  readonly #beginMs: number;

  constructor(clock: Clock, windowMs: number) {
    this.#clock = clock;
    this.#slotMs = Math.max(1, windowMs / SLOTS);
    this.#beginMs = clock.nowMs();
  }

  add(isFailed: boolean): void {
    const number = Math.floor(this.#clock.nowMs() / this.#slotMs);
    const slot = this.#slots[number % SLOTS]!;
    if (slot.number !== number) Object.assign(slot, { number, done: 0, failed: 0 });
    slot.done += 1;
    if (isFailed) slot.failed += 1;
  }

  rates(): { rate: number; errorRate: number } {
    const nowMs = this.#clock.nowMs();
    const newest = Math.floor(nowMs / this.#slotMs);
    const live = this.#slots.filter(({ number }) => number > newest - SLOTS);
    const done = live.reduce((sum, slot) => sum + slot.done, 0);
    const failed = live.reduce((sum, slot) => sum + slot.failed, 0);
    const seconds = Math.min(nowMs - this.#beginMs, this.#slotMs * SLOTS) / 1_000;
    return { rate: done / Math.max(seconds, 1), errorRate: done === 0 ? 0 : failed / done };
  }
}

function figure(sample: Sample, kind: keyof MonitorLimits): number | undefined {
  return kind === 'age' ? sample.ageMs : sample[kind];
}

function isGroup(target: Queue | Group): target is Group {
  return 'lag' in target;
}

async function askQueue(queue: Queue, clock: Clock): Promise<Partial<Sample>> {
  const hasDead = queue.deadLetters.name !== undefined;
  const [stats, dead] = await Promise.all([
    queue.stats(),
    hasDead ? queue.deadLetters.stats() : undefined,
  ]);
  const { ready, leased, delayed, consumers, oldestMs } = stats;
  return {
    depth: ready,
    leased,
    delayed,
    consumers,
    ageMs: oldestMs === undefined ? undefined : Math.max(0, clock.nowMs() - oldestMs),
    deadLetters: dead?.ready,
  };
}
