/**
 * Requests and replies over queues that last as long as those who read them: one per service, one per client for its replies. So
 * programs of other protocols can serve and ask as well, by the queue's name and `reply-to`.
 */
import type { OutgoingMessage, RequestDriver, WireMessage } from '@polymq/client/driver';
import { BrokerError } from '../core/errors.ts';
import type { MessageView } from '../core/message/message-bytes.ts';
import type { Queue, QueueConsumer } from '../core/queue/queue.ts';
import type { QueueDefinition } from '../core/queue/queue-definition.ts';
import { type EmbeddedContext, NAMESPACE } from './context.ts';
import { clientError } from './errors.ts';
import type { Sending } from './queue/sending.ts';
import { readView } from './wire.ts';

const SERVICE_PREFIX = 'polymq.service.';
const REPLY_PREFIX = 'polymq.reply.';

/** Requests and replies are handed over at most once, and nobody waits for them over a restart. */
const DEFINITION: QueueDefinition = {
  durable: false,
  autoDelete: true,
  exclusive: false,
  settings: {},
  declared: {},
};

export class EmbeddedRequests implements RequestDriver {
  readonly #context: EmbeddedContext;
  readonly #sending: Sending;
  readonly #readers = new Set<QueueReader>();

  constructor(context: EmbeddedContext, sending: Sending) {
    this.#context = context;
    this.#sending = sending;
  }

  async openReplies(sink: (reply: WireMessage) => void): Promise<{ readonly address: string }> {
    const address = REPLY_PREFIX + this.#context.environment.random.uuid();
    // Who waits for a reply has a timeout, which keeps the process alive long enough.
    await this.#read(address, Number.POSITIVE_INFINITY, (reply, done) => {
      done();
      sink(reply);
    });
    return { address };
  }

  async request(service: string, message: OutgoingMessage): Promise<'sent' | 'no-responder'> {
    const queue = this.#context.core.queues.get(NAMESPACE, SERVICE_PREFIX + service);
    if (queue === undefined || queue.consumerCount === 0) return 'no-responder';
    this.#put(queue, message);
    return 'sent';
  }

  async serve(
    service: string,
    prefetch: number,
    sink: (request: WireMessage, done: () => void) => void,
  ): Promise<{ close(): Promise<void> }> {
    const reader = await this.#read(SERVICE_PREFIX + service, prefetch, sink);
    reader.holdProcess();
    return reader;
  }

  async reply(address: string, message: OutgoingMessage): Promise<void> {
    const queue = this.#context.core.queues.get(NAMESPACE, address);
    if (queue !== undefined) this.#put(queue, message);
  }

  async close(): Promise<void> {
    for (const reader of [...this.#readers]) await reader.close();
  }

  #put(queue: Queue, message: OutgoingMessage): void {
    const outcome = this.#sending.put(queue, message, this.#context.clock.nowMs());
    if ('error' in outcome) throw outcome.error;
  }

  async #read(
    name: string,
    prefetch: number,
    sink: (message: WireMessage, done: () => void) => void,
  ): Promise<QueueReader> {
    const queue = await this.#queue(name);
    const reader: QueueReader = new QueueReader(this.#context, queue, { prefetch, sink }, () =>
      this.#readers.delete(reader),
    );
    this.#readers.add(reader);
    queue.addConsumer(reader);
    return reader;
  }

  async #queue(name: string): Promise<Queue> {
    const { queues } = this.#context.core;
    const known = queues.get(NAMESPACE, name);
    if (known !== undefined) return known;
    try {
      return await queues.declare(NAMESPACE, name, DEFINITION);
    } catch (error: unknown) {
      const twin = queues.get(NAMESPACE, name);
      const same = error instanceof BrokerError && error.code === 'queue-exists';
      if (same && twin !== undefined) return twin;
      throw clientError(error, `serve requests by queue "${name}"`);
    }
  }
}

interface ReaderOptions {
  readonly prefetch: number;
  readonly sink: (message: WireMessage, done: () => void) => void;
}

/** Takes messages for good, and hands them on at the end of the turn. */
class QueueReader implements QueueConsumer {
  readonly noAck = true;
  readonly #context: EmbeddedContext;
  readonly #queue: Queue;
  readonly #options: ReaderOptions;
  readonly #onEnd: () => void;
  #taken: WireMessage[] = [];
  /** Taken and not done. */
  #openCount = 0;
  #turn = false;
  #letGo: (() => void) | undefined;
  #closed = false;

  constructor(context: EmbeddedContext, queue: Queue, options: ReaderOptions, onEnd: () => void) {
    this.#context = context;
    this.#queue = queue;
    this.#options = options;
    this.#onEnd = onEnd;
  }

  ready(): boolean {
    return !this.#closed && this.#openCount < this.#options.prefetch;
  }

  deliver(queue: Queue, row: number, view: MessageView): void {
    this.#openCount += 1;
    this.#taken.push(readView(view, this.#context.core.formats, `${queue.id}-${queue.seq(row)}`));
    this.#later();
  }

  /** As long as it reads. */
  holdProcess(): void {
    if (!this.#closed) this.#letGo ??= this.#context.hold();
  }

  onCancelled(): void {
    this.#end();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#end();
    if (!this.#queue.deleted) this.#queue.removeConsumer(this);
  }

  #end(): void {
    this.#closed = true;
    this.#letGo?.();
    this.#onEnd();
  }

  #later(): void {
    if (this.#turn) return;
    this.#turn = true;
    this.#context.environment.timers.immediate(() => {
      this.#turn = false;
      const taken = this.#taken;
      this.#taken = [];
      for (const message of taken) this.#options.sink(message, this.#done());
      if (!this.#closed) this.#queue.resume(this);
    });
  }

  #done(): () => void {
    let done = false;
    return () => {
      if (done) return;
      done = true;
      this.#openCount -= 1;
      this.#later();
    };
  }
}
