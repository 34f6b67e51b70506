/**
 * The one inbox for replies that a client has at its engine, shared by its services. Correlation ids are `<service>.<uuid>`, so that each reply finds the
 * service that waits for it, also when nobody waits any more.
 */
import type { Driver } from '../../driver/driver.ts';
import type { WireMessage } from '../../message/wire-message.ts';

/** Gets a reply with the correlation id of one of its requests. */
export type ReplySink = (reply: WireMessage) => void;

const inboxes = new WeakMap<Driver, Inbox>();

export function inboxOf(driver: Driver): Inbox {
  let inbox = inboxes.get(driver);
  if (inbox === undefined) {
    inbox = new Inbox(driver);
    inboxes.set(driver, inbox);
  }
  return inbox;
}

export class Inbox {
  readonly #driver: Driver;
  readonly #sinks = new Map<string, ReplySink>();
  #address: Promise<string> | undefined;
  #lastNumber = 0;

  constructor(driver: Driver) {
    this.#driver = driver;
  }

  /** What the correlation ids of this sink begin with. */
  join(sink: ReplySink): string {
    const prefix = `${++this.#lastNumber}`;
    this.#sinks.set(prefix, sink);
    return prefix;
  }

  leave(prefix: string): void {
    this.#sinks.delete(prefix);
  }

  /** Opened with the first request; tried again by the next if that failed. */
  address(): Promise<string> {
    this.#address ??= this.#open();
    return this.#address;
  }

  async #open(): Promise<string> {
    try {
      const { address } = await this.#driver.requests!.openReplies((reply) => this.#route(reply));
      return address;
    } catch (error) {
      this.#address = undefined;
      throw error;
    }
  }

  #route(reply: WireMessage): void {
    const { correlationId = '' } = reply;
    this.#sinks.get(correlationId.slice(0, correlationId.indexOf('.')))?.(reply);
  }
}
