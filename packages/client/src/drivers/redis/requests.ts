/**
 * Requests and replies over channels. Everybody who subscribes to a channel gets its messages, so each responder has one of its own, and
 * the requester chooses:
 *
 *   polymq.service.<name>:<uuid>   one responder; PUBSUB CHANNELS finds them all
 *   polymq.replies.<uuid>          one client
 *
 * PUBLISH says how many got it: none means that this responder has gone, and the next one is tried.
 */
import { randomUUID } from 'node:crypto';
import type { RequestDriver } from '../../driver/driver.ts';
import { PolymqError } from '../../errors.ts';
import { Deque } from '../../lib/deque.ts';
import { warn } from '../../lib/describe.ts';
import type { OutgoingMessage, WireMessage } from '../../message/wire-message.ts';
import type { RedisConnection } from './connection.ts';
import { readEnvelope, writeEnvelope } from './envelope.ts';

/** How long the list of a service's responders is believed; one that has gone is noticed at once. */
const BELIEVED_MS = 1_000;
/** Requests that wait at a responder. */
const WAITING_MAX = 10_000;

interface Known {
  readonly seenMs: number;
  readonly channels: string[];
}

export class RedisRequests implements RequestDriver {
  readonly #connection: RedisConnection;
  readonly #responders = new Map<string, Known>();
  #turn = 0;

  constructor(connection: RedisConnection) {
    this.#connection = connection;
  }

  async openReplies(sink: (reply: WireMessage) => void): Promise<{ readonly address: string }> {
    const address = `polymq.replies.${randomUUID()}`;
    await this.#connection.subscribe(address, (bytes) => sink(this.#read(bytes)));
    return { address };
  }

  async request(service: string, message: OutgoingMessage): Promise<'sent' | 'no-responder'> {
    const bytes = writeEnvelope(message);
    const known = this.#responders.get(service);
    const isFresh =
      known !== undefined && this.#connection.context.clock.nowMs() - known.seenMs < BELIEVED_MS;
    if (isFresh && (await this.#ask(known.channels, bytes))) return 'sent';
    const found = await this.#find(service);
    return (await this.#ask(found.channels, bytes)) ? 'sent' : 'no-responder';
  }

  async #find(service: string): Promise<Known> {
    const pattern = `polymq.service.${literally(service)}:*`;
    const channels = await this.#connection.channels(pattern);
    const known = { seenMs: this.#connection.context.clock.nowMs(), channels };
    if (channels.length > 0) this.#responders.set(service, known);
    else this.#responders.delete(service);
    return known;
  }

  async #ask(channels: string[], bytes: Buffer): Promise<boolean> {
    while (channels.length > 0) {
      this.#turn += 1;
      const channel = channels[this.#turn % channels.length]!;
      if ((await this.#connection.publish(channel, bytes)) > 0) return true;
      const at = channels.indexOf(channel);
      if (at >= 0) channels.splice(at, 1);
    }
    return false;
  }

  async serve(
    service: string,
    prefetch: number,
    sink: (request: WireMessage, done: () => void) => void,
  ): Promise<{ close(): Promise<void> }> {
    const waiting = new Deque<WireMessage>();
    let open = 0;
    let dropped = 0;
    const next = (): void => {
      while (open < prefetch) {
        const request = waiting.shift();
        if (request === undefined) return;
        open += 1;
        let answered = false;
        sink(request, () => {
          if (answered) return;
          answered = true;
          open -= 1;
          next();
        });
      }
    };
    const channel = `polymq.service.${service}:${randomUUID()}`;
    const unsubscribe = await this.#connection.subscribe(channel, (bytes) => {
      if (waiting.size >= WAITING_MAX) {
        waiting.shift();
        dropped += 1;
        if (dropped === 1) warn(overrun(service));
      }
      waiting.push(this.#read(bytes));
      next();
    });
    return { close: unsubscribe };
  }

  /** Whoever has gone does not get it. */
  async reply(address: string, message: OutgoingMessage): Promise<void> {
    await this.#connection.publish(address, writeEnvelope(message));
  }

  #read(bytes: Buffer): WireMessage {
    return readEnvelope(bytes, this.#connection.context.clock.nowMs());
  }
}

function overrun(service: string): PolymqError {
  return new PolymqError(
    'queue-full',
    `responder of "${service}" is too slow: ${WAITING_MAX} requests wait, and the oldest are dropped; start more responders, or raise the concurrency`,
  );
}

/** In a glob of Redis. */
function literally(name: string): string {
  return name.replaceAll(/[*?[\]^\\]/g, String.raw`\$&`);
}
