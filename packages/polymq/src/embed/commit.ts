/**
 * Waiting for the disk: until what was done is durable, and until there is room for more. All that is done in one round of commits
 * waits for one promise, so that a send costs none of its own.
 */
import { PolymqError } from '@polymq/client/driver';
import type { EmbeddedContext } from './context.ts';
import { clientError } from './errors.ts';

/** More than this on its way to the disk, and senders wait … */
const UNCOMMITTED_BYTES_MAX = 64 << 20;
/** … until it is this. */
const UNCOMMITTED_BYTES_LOW = 16 << 20;

const DONE: Promise<undefined> = Promise.resolve(undefined);

export class Commits {
  readonly #context: EmbeddedContext;
  /** The promise of the core that was waited for last, and what the SDK gets for it: all of one round share both. */
  #round: Promise<void> | undefined;
  #answer: Promise<undefined> = DONE;

  constructor(context: EmbeddedContext) {
    this.#context = context;
  }

  /** Resolves when everything done so far is durable. */
  durable(): Promise<undefined> {
    const { store } = this.#context.core.queues;
    const { position } = store;
    if (position <= store.committed) return DONE;
    const round = store.whenCommitted(position);
    if (round !== this.#round) {
      this.#round = round;
      this.#answer = this.#context.track(
        round.then(
          () => undefined,
          (error: unknown) => {
            throw clientError(error, 'make a change to a queue durable');
          },
        ),
      );
      // Who does not wait for an acknowledgement must not end the process.
      this.#answer.catch(() => undefined);
    }
    return this.#answer;
  }

  /** Resolves when a sender may go on; `undefined`: at once. */
  room(what: string): Promise<void> | undefined {
    const { core } = this.#context;
    const held =
      core.alarms.reason !== undefined ||
      core.queues.store.uncommittedBytes > UNCOMMITTED_BYTES_MAX;
    return held ? this.#waitForRoom(what) : undefined;
  }

  async #waitForRoom(what: string): Promise<void> {
    const { core, clock, timeoutMs } = this.#context;
    const { alarms, queues } = core;
    let late = false;
    await new Promise<void>((resolve) => {
      const look = (): void => {
        const full =
          alarms.reason !== undefined || queues.store.uncommittedBytes > UNCOMMITTED_BYTES_LOW;
        if (full && !late && !this.#context.closed) return;
        timer.cancel();
        for (const stop of stops) stop();
        resolve();
      };
      const timer = clock.after(timeoutMs, () => {
        late = true;
        look();
      });
      const stops = [queues.store.onCommitted(look), alarms.onChange(look)];
    });
    if (!late) return;
    const code = alarms.isOn('disk') ? 'storage-full' : 'timeout';
    const reason =
      alarms.reason === undefined
        ? 'the disk does not keep up; send less at a time, or use a quicker disk'
        : `the broker is ${alarms.reason}; consume messages, free space on the disk, or lower storage.freeBytesMin`;
    throw new PolymqError(code, `could not ${what} within ${timeoutMs} ms: ${reason}`);
  }
}
