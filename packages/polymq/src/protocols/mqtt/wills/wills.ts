/**
 * Wills: what is published in a client's name when its connection ends without a word (§3.1.2.5).
 *
 *   connect ──► armed ──┬─ disarm (DISCONNECT 0x00) ────────────────────────────► gone
 *                       └─ lost ──► waits ──┬─ delay or session is over ────────► published
 *                                           ├─ connect, the session goes on ────► gone
 *                                           └─ connect, it does not ────────────► published
 *
 * An armed will is a document, so that it is published after a crash of the broker as well: all that are found at the start wait as if
 * their connections had been lost just then. A document goes when the message is safe, so a crash in between publishes it
 * again rather than never. Wills that nobody could learn of later are in memory only (`outlivesBroker`).
 *
 * Invariant: `#wills` has the will that the client's latest CONNECT came with, and its document is that one, or is on its way.
 */
import type { Documents } from '../../../core/meta/documents.ts';
import type { MessageStore } from '../../../core/queue/message-store.ts';
import type { Clock, Timers } from '../../../lib/environment/clock.ts';
import type { Logger } from '../../../lib/logger.ts';
import { NO_TIMER, TimerWheel } from '../../../lib/timer-wheel.ts';
import type { Will } from '../codec/index.ts';
import {
  type ArmedWill,
  armedWill,
  outlivesBroker,
  readWill,
  WILL_KEY,
  type WillMessage,
  writeWill,
} from './will-document.ts';

export interface WillsOptions {
  documents: Documents;
  store: Pick<MessageStore, 'position' | 'whenCommitted'>;
  clock: Clock;
  timers: Timers;
  logger: Logger;
  /** Publishes as a PUBLISH of that client would be. */
  publish(message: WillMessage, clientId: string): void;
}

export interface ConnectingClient {
  readonly clientId: string;
  readonly will: Will | undefined;
  /** As granted. */
  readonly sessionExpiryS: number;
  /** A session of before goes on: no clean start. */
  readonly resumed: boolean;
}

interface Entry {
  readonly clientId: string;
  readonly will: ArmedWill;
  readonly durable: boolean;
  /** Its key in the wheel. */
  readonly number: number;
  /** Its timer there; `NO_TIMER` while the client is connected. */
  timer: number;
}

const NUMBER_MAX = 2 ** 31 - 1;

export class Wills {
  readonly #options: WillsOptions;
  readonly #wheel: TimerWheel;
  /** By client id. */
  readonly #wills = new Map<string, Entry>();
  /** Those that wait, by their numbers. */
  readonly #waiting = new Map<number, Entry>();
  #lastNumber = 0;
  #closed = false;

  /** Wills of before the restart wait from now on. */
  constructor(options: WillsOptions) {
    const { clock, timers } = options;
    this.#options = options;
    this.#wheel = new TimerWheel({ clock, timers, onDue: (number) => this.#due(number) });
    for (const [key, document] of options.documents.list(WILL_KEY)) {
      const clientId = key.slice(WILL_KEY.length);
      const will = readWill(document);
      if (will === undefined) options.logger.warn({ clientId }, 'cannot read the will of a client');
      else this.#wait(this.#add(clientId, will), will.sessionExpiryS);
    }
  }

  /** Armed ones, and those that wait. */
  get count(): number {
    return this.#wills.size;
  }

  /**
   * A client has sent a CONNECT, and its connection of before, if there was one, is `lost` or `disarm`ed. Decides on the will of that one,
   * and arms the new one. Undefined if there is nothing to wait for; else resolves when the CONNACK may leave, or rejects
   * with `BrokerError`, and then there is no will.
   */
  connect(client: ConnectingClient): Promise<void> | undefined {
    const { clientId, will } = client;
    const before = this.#wills.get(clientId);
    if (before === undefined && will === undefined) return undefined;
    let position = 0;
    if (before !== undefined) position = this.#supersede(before, client.resumed);
    if (will !== undefined) {
      const entry = this.#add(clientId, armedWill(will, client.sessionExpiryS));
      if (entry.durable) return this.#store(entry, position);
    }
    return before?.durable ? this.#forget(clientId, position) : undefined;
  }

  /** The client has said goodbye: nothing is published. */
  disarm(clientId: string): void {
    const entry = this.#wills.get(clientId);
    if (entry === undefined || this.#waits(entry)) return;
    this.#wills.delete(clientId);
    if (entry.durable) this.#forgetSoon(clientId, 0);
  }

  /** The connection has ended otherwise. `sessionExpiryS`: how long the session lasts from now on. */
  lost(clientId: string, sessionExpiryS: number): void {
    const entry = this.#wills.get(clientId);
    if (entry === undefined || this.#waits(entry) || this.#closed) return;
    if (entry.will.delayS === 0 || sessionExpiryS === 0) this.#fire(entry);
    else this.#wait(entry, sessionExpiryS);
  }

  /** The session is over: nobody can come back to it. */
  sessionEnded(clientId: string): void {
    const entry = this.#wills.get(clientId);
    if (entry !== undefined && this.#waits(entry)) this.#fire(entry);
  }

  /** Nothing is published any more: what is armed or waits does so at the next start. */
  close(): void {
    this.#closed = true;
    this.#wheel.stop();
  }

  #add(clientId: string, will: ArmedWill): Entry {
    do this.#lastNumber = this.#lastNumber === NUMBER_MAX ? 1 : this.#lastNumber + 1;
    while (this.#waiting.has(this.#lastNumber));
    const entry: Entry = {
      clientId,
      will,
      durable: outlivesBroker(will),
      number: this.#lastNumber,
      timer: NO_TIMER,
    };
    this.#wills.set(clientId, entry);
    return entry;
  }

  #waits(entry: Entry): boolean {
    return entry.timer !== NO_TIMER;
  }

  /** For the delay, or the rest of the session, whichever is shorter. */
  #wait(entry: Entry, sessionExpiryS: number): void {
    const waitS = Math.min(entry.will.delayS, sessionExpiryS);
    this.#waiting.set(entry.number, entry);
    entry.timer = this.#wheel.add(waitS * 1000, entry.number);
  }

  #due(number: number): void {
    const entry = this.#waiting.get(number);
    if (entry !== undefined) this.#fire(entry);
  }

  #fire(entry: Entry): void {
    const position = this.#publish(entry);
    if (entry.durable) this.#forgetSoon(entry.clientId, position);
  }

  /** Decides on a will whose client is there again. Returns the position of the message, 0 if there is none. */
  #supersede(entry: Entry, resumed: boolean): number {
    if (!resumed || entry.will.delayS === 0) return this.#publish(entry);
    this.#drop(entry);
    return 0;
  }

  #drop(entry: Entry): void {
    this.#wheel.cancel(entry.timer);
    entry.timer = NO_TIMER;
    this.#waiting.delete(entry.number);
    if (this.#wills.get(entry.clientId) === entry) this.#wills.delete(entry.clientId);
  }

  /** Returns the position at which the message is safe. */
  #publish(entry: Entry): number {
    this.#drop(entry);
    const { clientId } = entry;
    const { publish, store, logger } = this.#options;
    try {
      publish(entry.will.message, clientId);
    } catch (error: unknown) {
      logger.warn({ clientId, error }, 'the will of a client could not be published');
    }
    return store.position;
  }

  /** Writes the document in place of the one before, once the message of that one is safe. */
  async #store(entry: Entry, position: number): Promise<void> {
    const { documents, store } = this.#options;
    try {
      if (position > 0) await store.whenCommitted(position);
      // The client may have come once more meanwhile, or have gone.
      if (this.#wills.get(entry.clientId) !== entry) return;
      await documents.put(WILL_KEY + entry.clientId, writeWill(entry.will));
    } catch (error: unknown) {
      this.#drop(entry);
      this.#forgetSoon(entry.clientId, position);
      throw error;
    }
  }

  /** Deletes the document of a client that has no will any more, once the message is safe. */
  async #forget(clientId: string, position: number): Promise<void> {
    const { documents, store } = this.#options;
    if (position > 0) await store.whenCommitted(position);
    if (this.#wills.get(clientId)?.durable) return;
    await documents.delete(WILL_KEY + clientId);
  }

  #forgetSoon(clientId: string, position: number): void {
    this.#forget(clientId, position).catch((error: unknown) => {
      this.#options.logger.warn({ clientId, error }, 'a will that is over could not be forgotten');
    });
  }
}
