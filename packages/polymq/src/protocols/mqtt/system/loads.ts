/**
 * Averages of what is counted, per minute, over some minutes: each look moves the average towards the rate since the look before,
 * by as much as the time between them has of the minutes.
 */
import { LOAD_MINUTES, LOAD_TOPICS, type SystemFigures } from './system-topics.ts';

const MINUTE_MS = 60_000;

export class Loads {
  /** By topic, those of `LOAD_MINUTES` each. */
  readonly #averages = LOAD_TOPICS.map(() => LOAD_MINUTES.map(() => 0));
  readonly #counts = LOAD_TOPICS.map(() => 0);
  /** Whether it is counted at all. */
  readonly #counted = LOAD_TOPICS.map(() => false);
  #lookedMs: number;

  constructor(nowMs: number) {
    this.#lookedMs = nowMs;
  }

  look(figures: SystemFigures, nowMs: number): void {
    const passedMs = nowMs - this.#lookedMs;
    this.#lookedMs = nowMs;
    for (const [at, { count: name }] of LOAD_TOPICS.entries()) {
      const count = figures[name];
      this.#counted[at] = count !== undefined;
      if (count === undefined || passedMs <= 0) continue;
      this.#move(
        this.#averages[at]!,
        ((count - this.#counts[at]!) * MINUTE_MS) / passedMs,
        passedMs,
      );
      this.#counts[at] = count;
    }
  }

  /** Topics behind `$SYS/broker/` with their values, without those of what is not counted. */
  values(): [topic: string, value: string | undefined][] {
    return LOAD_TOPICS.flatMap(({ topic }, at) =>
      LOAD_MINUTES.map((minutes, which): [string, string | undefined] => [
        `${topic}/${minutes}min`,
        this.#counted[at] ? this.#averages[at]![which]!.toFixed(2) : undefined,
      ]),
    );
  }

  #move(averages: number[], perMinute: number, passedMs: number): void {
    for (const [which, minutes] of LOAD_MINUTES.entries()) {
      const kept = Math.exp(-passedMs / (minutes * MINUTE_MS));
      averages[which] = perMinute + kept * (averages[which]! - perMinute);
    }
  }
}
