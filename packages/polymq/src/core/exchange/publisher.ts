/**
 * Hands a message to everything that its route names: queues first, since they keep it, then streams, then live subscribers.
 * What is handed to queues in one call is in one batch of the journal; streams answer later, by a promise.
 */
import type { Clock } from '../../lib/environment/clock.ts';
import type { MessageDraft } from '../message/message-draft.ts';
import type { MessageFormats } from '../message/message-formats.ts';
import { groupOfDraft } from '../message/message-group.ts';
import type { Queue } from '../queue/queue.ts';
import type { Queues } from '../queue/queues.ts';
import type { Publisher, Route } from './exchanges.ts';
import type { LiveExchange } from './live-exchange.ts';
import type { LiveRoute, RouteExtras } from './live-route.ts';
import type { ReceiverTargets } from './subscribers.ts';

/** Appends the message to a stream as a record; resolves when it is durable. Copies what it keeps before it returns. */
export type StreamTarget = (name: string, draft: MessageDraft) => Promise<unknown>;

/** Hands messages to queues, streams and live subscribers as their routes say. */
export class ExchangePublisher implements Publisher {
  readonly #queues: Queues;
  readonly #clock: Clock;
  readonly #formats: MessageFormats;
  /** Set by whoever keeps the newest messages of exchanges. */
  remember: ((exchanges: readonly LiveExchange[], draft: MessageDraft) => void) | undefined;
  #streamsPending: Promise<void> | undefined;
  /** Set by whoever bridges messages to streams; until then streams get nothing. */
  streamTarget: StreamTarget | undefined;

  constructor(queues: Queues, clock: Clock, formats: MessageFormats) {
    this.#queues = queues;
    this.#clock = clock;
    this.#formats = formats;
  }

  publish(draft: MessageDraft, route: Route): number {
    const { grouped } = route as LiveRoute;
    if (!grouped || draft.groupId !== undefined) return this.#publish(draft, route);
    draft.groupId = groupOfDraft(this.#formats, draft);
    try {
      return this.#publish(draft, route);
    } finally {
      // The draft is used again for messages of other groups.
      draft.groupId = undefined;
    }
  }

  #publish(draft: MessageDraft, route: Route): number {
    const { queues } = route;
    this.#streamsPending = undefined;
    if (route.delayed) return this.#wait(draft, queues, draft.dueMs);
    const refused = queues.length === 0 ? 0 : this.#queues.publish(draft, queues);
    let count = queues.length;
    if (route.streams.length > 0) count += this.appendToStreams(draft, route.streams);
    if (route.receivers.length > 0) count += handOver(draft, route.receivers);
    const { extras } = route as LiveRoute;
    if (extras !== undefined) count += this.#extend(draft, extras);
    return refused > 0 ? -refused : count;
  }

  /** Gives a message whose queues the caller serves himself to all others on the route. */
  publishBesideQueues(draft: MessageDraft, route: LiveRoute): void {
    this.#streamsPending = undefined;
    if (route.streams.length > 0) this.appendToStreams(draft, route.streams);
    if (route.receivers.length > 0) handOver(draft, route.receivers);
    if (route.extras !== undefined) this.#extend(draft, route.extras);
  }

  /**
   * What the last call of `publish` has given to streams and is not durable yet. Rejects if one of them does not take it.
   */
  streamsPending(): Promise<void> | undefined {
    return this.#streamsPending;
  }

  /** Returns how many get it. */
  appendToStreams(draft: MessageDraft, streams: readonly string[]): number {
    const target = this.streamTarget;
    if (target === undefined) return 0;
    const appended = streams.map((name) => target(name, draft));
    const pending = Promise.all(appended).then(() => undefined);
    // Whoever does not ask for it does not want to know.
    pending.catch(() => undefined);
    this.#streamsPending = pending;
    return appended.length;
  }

  #extend(draft: MessageDraft, { remembering, waiting, dueMs }: RouteExtras): number {
    if (remembering.length > 0) this.remember?.(remembering, draft);
    return waiting.length === 0 ? 0 : this.#wait(draft, waiting, dueMs);
  }

  /** The time to live counts from when the message is due. */
  #wait(draft: MessageDraft, queues: readonly Queue[], dueMs: number): number {
    const { dueMs: ownDueMs, ttlMs } = draft;
    draft.dueMs = dueMs;
    if (ttlMs >= 0) draft.ttlMs = ttlMs + Math.max(0, dueMs - this.#clock.nowMs());
    const refused = this.#queues.publish(draft, queues);
    draft.dueMs = ownDueMs;
    draft.ttlMs = ttlMs;
    return refused > 0 ? -refused : queues.length;
  }
}

/** Returns how many live subscribers have taken it. */
function handOver(draft: MessageDraft, receivers: readonly ReceiverTargets[]): number {
  let count = 0;
  for (const { receiver, targets } of receivers) count += receiver.receive(draft, targets);
  return count;
}
