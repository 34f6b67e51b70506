/**
 * The parts of a running broker, started bottom-up and stopped top-down.
 *
 *   starting ──► running ──► draining ──► stopped
 *       └────────── a part fails ───────────▲
 *
 * If a part fails to start, or a stop is asked for meanwhile, what has been started is stopped again. A
 * part that fails to stop does not keep the others from stopping.
 */
import type { Logger } from '../lib/logger.ts';

export type LifecycleState = 'starting' | 'running' | 'draining' | 'stopped';

interface Part {
  name: string;
  stop: () => Promise<void> | void;
}

export class Lifecycle {
  readonly #logger: Logger;
  readonly #parts: Part[] = [];
  #state: LifecycleState = 'starting';
  #stopping: Promise<void> | undefined;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  get state(): LifecycleState {
    return this.#state;
  }

  /** Starts one part and remembers how it is stopped. Rejects with what `start` rejects with. */
  async start<T>(
    name: string,
    start: () => Promise<T> | T,
    stop: (part: T) => Promise<void> | void,
  ): Promise<T> {
    if (this.#state !== 'starting') throw new Error(`the broker is stopping: ${name} not started`);
    const part = await start();
    if (this.#state !== 'starting') {
      // Nobody else knows of it: what stops the others has passed already.
      await stop(part);
      throw new Error(`the broker is stopping: ${name} stopped again`);
    }
    this.#parts.push({ name, stop: () => stop(part) });
    return part;
  }

  running(): void {
    if (this.#state === 'starting') this.#state = 'running';
  }

  /** Stops everything, the last started first. The same promise however often it is called. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stopParts();
    return this.#stopping;
  }

  async #stopParts(): Promise<void> {
    this.#state = 'draining';
    const errors: unknown[] = [];
    for (let part = this.#parts.pop(); part !== undefined; part = this.#parts.pop()) {
      try {
        await part.stop();
        this.#logger.debug({ part: part.name }, 'stopped');
      } catch (error: unknown) {
        this.#logger.error({ part: part.name, error }, 'a part did not stop cleanly');
        errors.push(error);
      }
    }
    this.#state = 'stopped';
    if (errors.length > 0) throw new AggregateError(errors, 'the broker did not stop cleanly');
  }
}
