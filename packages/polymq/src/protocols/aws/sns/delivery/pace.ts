import type { Timer } from '../../../../lib/environment/clock.ts';
import type { Environment } from '../../../../lib/environment/environment.ts';

/** Timers are as coarse as this: so much may be made up for when one comes late. */
const LATE_MS_MAX = 20;

/** Spaces deliveries out to so many a second (`maxReceivesPerSecond`). */
export class Pace {
  readonly #environment: Pick<Environment, 'clock' | 'timers'>;
  readonly #wake: () => void;
  #intervalMs = 0;
  #nextMs = 0;
  #timer: Timer | undefined;

  /** `wake` is called when one may go after `ready` has said no. */
  constructor(environment: Pick<Environment, 'clock' | 'timers'>, wake: () => void) {
    this.#environment = environment;
    this.#wake = wake;
  }

  /** Undefined: as many as there are. */
  limit(perSecond: number | undefined): void {
    this.#intervalMs = perSecond === undefined ? 0 : 1000 / perSecond;
    if (perSecond === undefined) this.#nextMs = 0;
  }

  ready(): boolean {
    if (this.#intervalMs === 0) return true;
    const waitMs = this.#nextMs - this.#environment.clock.monotonicMs();
    if (waitMs <= 0) return true;
    this.#timer ??= this.#environment.timers.after(Math.ceil(waitMs), () => {
      this.#timer = undefined;
      this.#wake();
    });
    return false;
  }

  spend(): void {
    if (this.#intervalMs === 0) return;
    const nowMs = this.#environment.clock.monotonicMs();
    this.#nextMs = Math.max(this.#nextMs, nowMs - LATE_MS_MAX) + this.#intervalMs;
  }

  stop(): void {
    this.#environment.timers.clear(this.#timer);
    this.#timer = undefined;
  }
}
