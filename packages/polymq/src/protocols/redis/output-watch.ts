/**
 * Cuts off clients that do not read what they are sent, by the limits that Redis has for subscribers: at once above the
 * hard one, and above the soft one when it has lasted. Only outputs that the kernel takes no more from are looked at.
 */
import type { Timer } from '../../lib/environment/clock.ts';
import type { RedisServer } from './server.ts';
import type { RedisSession } from './session.ts';

const EVERY_MS = 250;

export class OutputWatch {
  readonly #server: RedisServer;
  /** Blocked outputs, and since when they are above the soft limit; 0: they are not. */
  readonly #blocked = new Map<RedisSession, number>();
  #timer: Timer | undefined;

  constructor(server: RedisServer) {
    this.#server = server;
  }

  close(): void {
    this.#server.environment.timers.clear(this.#timer);
    this.#timer = undefined;
    this.#blocked.clear();
  }

  /** The kernel takes no more for this client; called in each turn in which it was sent something. */
  blocked(session: RedisSession): void {
    const { bytes } = session.output;
    const { outputBytesMax } = this.#server.options;
    if (bytes > outputBytesMax) {
      const reason = `${bytes} bytes wait for it, more than the ${outputBytesMax} of redis.outputBytesMax`;
      session.cutSlow(reason);
      return;
    }
    if (this.#blocked.has(session)) return;
    this.#blocked.set(session, 0);
    if (this.#timer === undefined) this.#schedule();
  }

  forget(session: RedisSession): void {
    this.#blocked.delete(session);
  }

  #schedule(): void {
    this.#timer = this.#server.environment.timers.after(EVERY_MS, () => {
      this.#timer = undefined;
      this.#look();
      if (this.#blocked.size > 0) this.#schedule();
    });
    this.#timer.unref();
  }

  #look(): void {
    const { options, environment } = this.#server;
    const { outputSoftBytesMax, outputSoftMs } = options;
    const nowMs = environment.clock.monotonicMs();
    for (const [session, sinceMs] of this.#blocked) {
      const { output } = session;
      const { bytes } = output;
      if (!output.blocked) this.#blocked.delete(session);
      else if (outputSoftBytesMax === 0 || bytes <= outputSoftBytesMax) {
        this.#blocked.set(session, 0);
      } else if (sinceMs === 0) this.#blocked.set(session, nowMs);
      else if (nowMs - sinceMs > outputSoftMs) {
        const reason = `${bytes} bytes have waited for ${outputSoftMs} ms, more than the ${outputSoftBytesMax} of redis.outputSoftBytesMax`;
        session.cutSlow(reason);
      }
    }
  }
}
