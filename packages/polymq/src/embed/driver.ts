/** The driver of the SDK for a broker in the same process: no socket, no serialization beyond what is stored. */
import type { Clock, Driver } from '@polymq/client/driver';
import { EMBEDDED_CAPABILITIES } from './capabilities.ts';
import { Commits } from './commit.ts';
import type { EmbeddedContext } from './context.ts';
import { EmbeddedEventLog } from './event-log.ts';
import { EmbeddedQueues } from './queue/queue-driver.ts';
import { Sending } from './queue/sending.ts';
import { EmbeddedRequests } from './requests.ts';
import type { SharedBroker } from './shared-broker.ts';
import { EmbeddedTopics } from './topic/topic-driver.ts';

export interface EmbeddedDriverOptions {
  readonly timeoutMs: number;
  readonly clientName: string;
  /** Missing: that of the broker. */
  readonly clock?: Clock;
}

export class EmbeddedDriver implements Driver {
  readonly engine = 'PolyMQ';
  readonly system = 'polymq';
  readonly capabilities: Driver['capabilities'];
  readonly clock: Clock;
  readonly queues: EmbeddedQueues;
  readonly topics: EmbeddedTopics;
  readonly requests: EmbeddedRequests;
  readonly eventLog: EmbeddedEventLog;
  readonly broker: SharedBroker;
  #closing: Promise<void> | undefined;
  #closed = false;

  /** The broker was entered for this driver, which leaves it when it is closed. */
  constructor(broker: SharedBroker, options: EmbeddedDriverOptions) {
    this.broker = broker;
    this.clock = options.clock ?? broker.clock;
    const manual = broker.manual === undefined ? false : 'native';
    this.capabilities = { ...EMBEDDED_CAPABILITIES, 'manual-clock': manual };
    const isClosed = (): boolean => this.#closed;
    const context: EmbeddedContext = {
      core: broker.core,
      environment: broker.environment,
      clock: this.clock,
      timeoutMs: options.timeoutMs,
      clientName: options.clientName,
      messageBytesMax: broker.running.config.amqp.messageBytesMax,
      get closed() {
        return isClosed();
      },
      hold: () => broker.hold.hold(),
      track: (work) => broker.track(work),
    };
    const commits = new Commits(context);
    const sending = new Sending(context, commits);
    const sessionMs = broker.running.config.groups.sessionTimeoutMsMax;
    this.queues = new EmbeddedQueues(context, commits, sending);
    this.topics = new EmbeddedTopics(context, commits, { sessionMs });
    this.eventLog = new EmbeddedEventLog(context);
    this.requests = new EmbeddedRequests(context, sending);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#closed = true;
    this.eventLog.close();
    await this.topics.close();
    await this.requests.close();
    await this.queues.close();
    await this.broker.leave();
  }
}
