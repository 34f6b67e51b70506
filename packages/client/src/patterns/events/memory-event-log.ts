import type { EventLogDriver, StoredEvent } from '../../driver/driver.ts';
import { PolymqError } from '../../errors.ts';
import { type Clock, systemClock } from '../../lib/clock.ts';
import { WakeUp } from '../../lib/wake-up.ts';
import type { WireMessage } from '../../message/wire-message.ts';

/** Streams of events in the memory of this process, for tests: gone when it ends, and without a limit. */
export class MemoryEventLog implements EventLogDriver {
  readonly #clock: Clock;
  readonly #stores = new Map<string, StoredEvent[]>();
  readonly #appends: WakeUp;

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
    this.#appends = new WakeUp(clock);
  }

  async append(
    store: string,
    stream: string,
    events: readonly WireMessage[],
    expected: number | undefined,
  ): Promise<{ readonly version: number; readonly position: string }> {
    const all = this.#stores.get(store) ?? [];
    this.#stores.set(store, all);
    const known = all.filter((event) => event.stream === stream);
    if (expected !== undefined && known.length !== expected) {
      const there = known.slice(expected, expected + events.length);
      const again =
        there.length === events.length && there.every(({ id }, at) => id === events[at]!.id);
      if (again) return { version: expected + events.length, position: there.at(-1)!.position };
      throw versionConflict(stream, expected, known.length);
    }
    for (const [at, event] of events.entries()) {
      const position = String(all.length + 1);
      all.push({ ...event, stream, version: known.length + at + 1, position });
    }
    this.#appends.wake();
    return { version: known.length + events.length, position: String(all.length) };
  }

  async version(store: string, stream: string): Promise<number> {
    return (this.#stores.get(store) ?? []).filter((event) => event.stream === stream).length;
  }

  async readStream(
    store: string,
    stream: string,
    fromVersion: number,
    max: number,
  ): Promise<readonly StoredEvent[]> {
    return (this.#stores.get(store) ?? [])
      .filter((event) => event.stream === stream && event.version >= fromVersion)
      .slice(0, max);
  }

  async readAll(
    store: string,
    after: string | undefined,
    options: { readonly max: number; readonly waitMs: number; readonly signal?: AbortSignal },
  ): Promise<readonly StoredEvent[]> {
    const endMs = this.#clock.nowMs() + options.waitMs;
    for (;;) {
      const at = Number(after ?? 0);
      const found = (this.#stores.get(store) ?? []).slice(at, at + options.max);
      const leftMs = endMs - this.#clock.nowMs();
      if (found.length > 0 || leftMs <= 0 || options.signal?.aborted === true) return found;
      await this.#appends.wait(leftMs, options.signal);
    }
  }
}

export function versionConflict(stream: string, expected: number, version: number): PolymqError {
  return new PolymqError(
    'version-conflict',
    `could not append to the stream "${stream}" at version ${expected}: it has version ${version}; load it again and decide anew`,
  );
}
