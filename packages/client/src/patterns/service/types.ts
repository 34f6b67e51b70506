/** Requests and replies as programs see them. */
import type { Duration } from '../../lib/duration.ts';
import type { MessageContract } from '../../message/contract.ts';
import type { CloseOptions } from '../../queue/queue.ts';

/** What a service can be asked, by operation: `{ add: { request: { a: number }; reply: number } }`. */
export type ServiceShape<S> = { readonly [O in keyof S]: { request: unknown; reply: unknown } };

/** A service whose operations nobody has written down. */
export type AnyService = Record<string, { request: unknown; reply: unknown }>;

/** One service: the side that asks, the side that answers, or both. */
export interface Service<S extends ServiceShape<S> = AnyService> extends AsyncDisposable {
  readonly name: string;
  /** Replies that came when nobody waited for them any more; they were dropped. */
  readonly lateReplies: number;
  /** Requests that came when their sender waited no longer; no handler saw them. */
  readonly expiredRequests: number;
  /** Requests that are handled in this process now. */
  readonly running: number;
  /**
   * Answers requests for the operation, from now on, shared with all others who serve it. What the handler returns is the reply; what it throws is
   * thrown at the asking side as `request-failed`. A service that handles one operation gets the requests of all; those it does not know fail.
   */
  handle<O extends keyof S & string>(
    operation: O,
    handler: ServiceHandler<S[O]['request'], S[O]['reply']>,
  ): this;
  /** Resolves when requests can come; for the side that answers. */
  ready(): Promise<void>;
  /**
   * Asks, and waits for the reply. Rejects with `no-responder` at once if nobody serves (where the engine can tell), `timeout`,
   * `request-failed` with the name and text of the handler's error, or `closed`. A request is not repeated by the SDK, but an engine may deliver it
   * twice when a responder dies.
   */
  request<O extends keyof S & string>(
    operation: O,
    data: S[O]['request'],
    options?: RequestOptions,
  ): Promise<S[O]['reply']>;
  /** Takes no more requests, waits for handlers and replies under way, then aborts them. Idempotent. */
  close(options?: CloseOptions): Promise<void>;
}

export type ServiceHandler<Request, Reply> = (
  data: Request,
  request: ServiceRequest<Request>,
) => Reply | Promise<Reply>;

/** What a handler can know of a request besides its data. */
export interface ServiceRequest<T = unknown> {
  readonly id: string;
  readonly data: T;
  readonly operation: string;
  readonly headers: Readonly<Record<string, string>>;
  /** When it was sent, ms since the epoch. */
  readonly timestamp: number;
  /** When its sender stops waiting, ms since the epoch by the sender's clock; undefined if it said nothing. */
  readonly deadline: number | undefined;
  /** Aborts at the deadline, and when the service is closed without waiting longer: nobody gets the reply. */
  readonly signal: AbortSignal;
}

export interface RequestOptions {
  /** Until the reply is there. Missing: that of the service. */
  timeout?: Duration;
  headers?: Readonly<Record<string, string>>;
  /** Stops waiting: rejects with the signal's reason. */
  signal?: AbortSignal;
}

export interface ServiceOptions<S extends ServiceShape<S> = AnyService> {
  /** How long requests wait for their reply. Missing: 30 s. */
  timeout?: Duration;
  /** Requests handled at the same time in this process. Missing: 16. */
  concurrency?: number;
  /** By operation: what checks requests and replies, on both sides. */
  contracts?: {
    readonly [O in keyof S]?: {
      readonly request?: MessageContract<S[O]['request']>;
      readonly reply?: MessageContract<S[O]['reply']>;
    };
  };
  /** Told of what no caller sees: replies that could not be sent, a subscription that failed. Missing: the client's. */
  onError?: (error: unknown) => void;
}
