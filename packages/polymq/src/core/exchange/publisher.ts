import type { MessageDraft } from '../message/message-draft.ts';
import type { Queues } from '../queue/queues.ts';
import type { Publisher, Route } from './exchanges.ts';
import type { LiveRoute, RouteExtras } from './live-route.ts';

/** Appends the message to a stream as a record; resolves when it is durable. Copies what it keeps before it returns. */
export type StreamTarget = (name: string, draft: MessageDraft) => Promise<unknown>;

/** Hands messages to queues and streams as their routes say. */
export class ExchangePublisher implements Publisher {
  readonly #queues: Queues;
  readonly #remember: (extras: RouteExtras, draft: MessageDraft) => void;
  #streamsPending: Promise<void> | undefined;
  /** Set by whoever bridges messages to streams; until then streams get nothing. */
  streamTarget: StreamTarget | undefined;

  constructor(queues: Queues, remember: (extras: RouteExtras, draft: MessageDraft) => void) {
    this.#queues = queues;
    this.#remember = remember;
  }

  publish(draft: MessageDraft, route: Route): number {
    const { queues } = route;
    this.#streamsPending = undefined;
    const refused = queues.length === 0 ? 0 : this.#queues.publish(draft, queues);
    let count = queues.length;
    if (route.streams.length > 0) count += this.appendToStreams(draft, route.streams);
    const { extras } = route as LiveRoute;
    if (extras !== undefined) {
      this.#remember(extras, draft);
      count += this.#wait(draft, extras);
    }
    return refused > 0 ? -refused : count;
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

  /** The message goes on behind delayed exchanges when its time has come. */
  #wait(draft: MessageDraft, { waiting, dueMs }: RouteExtras): number {
    if (waiting.length === 0) return 0;
    const before = draft.dueMs;
    draft.dueMs = dueMs;
    this.#queues.publish(draft, waiting);
    draft.dueMs = before;
    return waiting.length;
  }
}
