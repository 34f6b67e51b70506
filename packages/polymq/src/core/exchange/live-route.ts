import type { Queue } from '../queue/queue.ts';
import type { Route } from './exchanges.ts';
import type { LiveExchange } from './live-exchange.ts';
import type { ReceiverTargets } from './subscribers.ts';

/** What publishing has to do beyond handing the message to queues and streams. */
export interface RouteExtras {
  /** Exchanges on the way that remember their newest messages. */
  readonly remembering: readonly LiveExchange[];
  /** Waiting queues of delayed exchanges further on; the message goes there as well, to wait until `dueMs`. */
  readonly waiting: readonly Queue[];
  readonly dueMs: number;
}

export interface LiveRouteOptions {
  cacheable: boolean;
  delayed?: boolean;
  extras?: RouteExtras | undefined;
  receivers?: readonly ReceiverTargets[];
}

const NO_RECEIVERS: readonly ReceiverTargets[] = Object.freeze([]);

/** All routes are of this one shape, so that looking at them is quick. */
export class LiveRoute implements Route {
  readonly queues: readonly Queue[];
  readonly streams: readonly string[];
  readonly receivers: readonly ReceiverTargets[];
  readonly cacheable: boolean;
  readonly delayed: boolean;
  /** Some of the queues have groups that lock, to which the message's key assigns it. */
  readonly grouped: boolean;
  readonly extras: RouteExtras | undefined;

  constructor(queues: readonly Queue[], streams: readonly string[], options: LiveRouteOptions) {
    this.queues = queues;
    this.streams = streams;
    this.receivers = options.receivers ?? NO_RECEIVERS;
    this.cacheable = options.cacheable;
    this.delayed = options.delayed ?? false;
    this.grouped = queues.some(({ definition }) => definition.settings.groups === true);
    this.extras = options.extras;
  }
}
