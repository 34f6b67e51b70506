/**
 * Requests and replies: one request queue per service, which stays, and one temporary queue per client for the replies. The address of a reply is that
 * queue's name. Requests are leased while they are served; one whose responder dies goes to another responder.
 */
import { createHash } from 'node:crypto';
import type { RequestDriver } from '../../driver/driver.ts';
import { PolymqError } from '../../errors.ts';
import type { OutgoingMessage, WireMessage } from '../../message/wire-message.ts';
import type { Aws } from './aws.ts';
import { NAME_LENGTH_MAX } from './limits.ts';
import type { QueuePlaces } from './places.ts';
import type { Polls } from './polls.ts';
import { hasResponder } from './responders.ts';
import type { Sender } from './send.ts';
import { ServedQueue } from './served-queue.ts';
import type { Settler } from './settle.ts';
import type { TemporaryQueues } from './temporary-queues.ts';
import { TemporaryReader } from './temporary-reader.ts';

const PREFIX = 'polymq-requests-';
/** How long it is believed that there are responders. */
const BELIEF_MS = 5_000;
const BELIEFS_MAX = 1_000;

export interface RequestParts {
  readonly aws: Aws;
  readonly places: QueuePlaces;
  readonly sender: Sender;
  readonly settler: Settler;
  readonly polls: Polls;
  readonly temporary: TemporaryQueues;
  readonly pollMs: number;
}

export class SqsRequests implements RequestDriver {
  readonly #parts: RequestParts;
  readonly #served = new Map<string, number>();
  #inbox: TemporaryReader | undefined;

  constructor(parts: RequestParts) {
    this.#parts = parts;
  }

  async openReplies(sink: (reply: WireMessage) => void): Promise<{ readonly address: string }> {
    const { aws, settler, temporary, pollMs } = this.#parts;
    const queue = await temporary.create();
    this.#inbox = new TemporaryReader({
      aws,
      settler,
      queue,
      pollMs,
      read: (replies) => replies.forEach(sink),
      renew: () => queue.create(),
      // Requests time out then, and say so.
      ended: () => {},
    });
    return { address: queue.name };
  }

  async request(service: string, message: OutgoingMessage): Promise<'sent' | 'no-responder'> {
    const queue = requestQueue(service);
    if (!(await this.#isServed(queue))) return 'no-responder';
    const outcome = await this.#send(queue, message);
    if (outcome === undefined) return 'sent';
    this.#served.delete(queue);
    if (outcome.code === 'not-found') return 'no-responder';
    throw outcome;
  }

  async serve(
    service: string,
    prefetch: number,
    sink: (request: WireMessage, done: () => void) => void,
  ): Promise<{ close(): Promise<void> }> {
    const served = new ServedQueue(this.#parts, requestQueue(service), prefetch, sink);
    await served.open();
    return served;
  }

  async reply(address: string, message: OutgoingMessage): Promise<void> {
    const outcome = await this.#send(address, message);
    if (outcome !== undefined && outcome.code !== 'not-found') throw outcome;
  }

  async close(): Promise<void> {
    await this.#inbox?.close();
  }

  /** The error, if it was not sent. */
  async #send(queue: string, message: OutgoingMessage): Promise<PolymqError | undefined> {
    try {
      // Whoever sends requests and replies says how long they are worth something; the queues cannot.
      const outcomes = await this.#parts.sender.send(queue, [{ ...message, ttlMs: undefined }]);
      const outcome = outcomes?.[0];
      return outcome !== undefined && 'error' in outcome ? outcome.error : undefined;
    } catch (error) {
      if (error instanceof PolymqError) return error;
      throw error;
    }
  }

  async #isServed(queue: string): Promise<boolean> {
    const { aws, places } = this.#parts;
    const nowMs = aws.context.clock.nowMs();
    if ((this.#served.get(queue) ?? 0) > nowMs) return true;
    try {
      const { url } = await places.find(queue);
      if (!(await hasResponder(aws, url))) return false;
    } catch (error) {
      places.forget(queue);
      if (error instanceof PolymqError && error.code === 'not-found') return false;
      throw error;
    }
    if (this.#served.size >= BELIEFS_MAX) this.#served.clear();
    this.#served.set(queue, nowMs + BELIEF_MS);
    return true;
  }
}

/** Services may have names that queues may not have. */
function requestQueue(service: string): string {
  const name = `${PREFIX}${service}`;
  if (name.length <= NAME_LENGTH_MAX && /^[A-Za-z0-9_-]+$/.test(name)) return name;
  const hash = createHash('sha256').update(service).digest('hex').slice(0, 16);
  const readable = service.replace(/[^A-Za-z0-9_-]/g, '-').slice(0, 40);
  return `${PREFIX}${readable}-${hash}`;
}
