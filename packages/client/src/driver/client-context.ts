/** What queues and topics get from the client that made them. */
import type { Clock } from '../lib/clock.ts';
import type { Interceptor } from '../message/interceptor.ts';
import type { Driver, QueueSpec } from './driver.ts';

export interface ClientContext {
  readonly driver: Driver;
  readonly clock: Clock;
  /** How long a call may wait for room or for a connection, unless it says else. */
  readonly timeoutMs: number;
  /** 0 to 1, for jitter. */
  readonly random: () => number;
  /** For what is made now. */
  readonly interceptors: readonly Interceptor[];
  /** For what nobody else is told. */
  readonly onError: (error: unknown) => void;
  /** Calls and consumers that `close` waits for. */
  readonly openCalls: OpenCalls;
  /** How the client makes the queue of that name; undefined: nobody has said. */
  queueMade(name: string): MadeQueue | undefined;
  /** Throws `closed`. */
  checkOpen(): void;
  /** `close` closes it, until the returned function is called. */
  closeWithClient(part: ClosedWithClient): () => void;
}

export interface MadeQueue {
  readonly spec: QueueSpec;
  /** `false`: it exists already. */
  readonly declare: boolean;
}

export interface ClosedWithClient {
  /** The connection is lost; `false`: whoever made this has not asked to be told, so the client's `onError` is. */
  connectionLost?(error: Error): boolean;
  close(options: { readonly drain: number }): Promise<void>;
}

export interface OpenCalls {
  begin(): void;
  end(): void;
}
