/**
 * The messages that one ReceiveMessage gathers. Each is leased to the caller for the visibility timeout, and counted: a crash
 * neither forgets that it was handed out nor how often.
 */
import type { MessageView } from '../../../core/message/message-bytes.ts';
import type { Queue } from '../../../core/queue/queue.ts';
import type { AwsCall } from '../call.ts';
import type { SqsContext } from './context.ts';
import { formatReceipt } from './receipt-handle.ts';
import {
  readMessage,
  type SqsMessage,
  showMessage,
  sqsMessage,
  systemAttributes,
} from './render.ts';
import type { Wanted } from './wanted.ts';

export interface ReceptionOptions {
  context: SqsContext;
  /** Tells this life of the process from others. */
  boot: number;
  queue: Queue;
  call: AwsCall;
  wanted: Wanted;
  countMax: number;
  visibilityMs: number;
}

/** A message that was handed out. */
export interface Held {
  readonly row: number;
  readonly seq: number;
  readonly attempt: number;
}

const NO_SYSTEM: Readonly<Record<string, string>> = Object.freeze({});

export class Reception {
  readonly options: ReceptionOptions;
  readonly held: Held[] = [];
  readonly #messages: (SqsMessage | Promise<SqsMessage>)[] = [];
  /** All of them are durable when the store has come to here. */
  #position = 0;
  /** Some message is a promise: its envelope is being signed. */
  #awaited = false;

  constructor(options: ReceptionOptions) {
    this.options = options;
  }

  get count(): number {
    return this.held.length;
  }

  get full(): boolean {
    return this.count >= this.options.countMax;
  }

  /** Takes what is ready now. A promise only where a message has to be read from disk. */
  fill(): void | Promise<void> {
    const { queue, visibilityMs } = this.options;
    while (!this.full) {
      const row = queue.take(visibilityMs, true);
      if (row === undefined) return;
      if (typeof row !== 'number') return this.#fillAfter(row);
      this.add(row, this.#view);
    }
  }

  /** The message is leased to this caller, and `view` points at it. Takes others of its group as well. */
  add(row: number, view: MessageView): void {
    const { queue, visibilityMs } = this.options;
    this.#hold(row, view);
    while (!this.full) {
      const next = queue.takeNextOfGroup(row, visibilityMs, true);
      if (next === undefined) return;
      this.#hold(next, this.#view);
    }
  }

  /**
   * The answer. A visibility timeout of 0 gives the messages back at once.
   *
   * Nobody sees a message before it is safe: a crash would forget it with its deduplication id, and its sender's next try would
   * bring it to readers who have handled it already.
   */
  async messages(): Promise<SqsMessage[]> {
    const { store } = this.options.context.broker.queues;
    if (this.#position > store.committed) await store.whenCommitted(this.#position);
    const messages = this.#awaited
      ? await Promise.all(this.#messages)
      : (this.#messages as SqsMessage[]);
    if (this.options.visibilityMs === 0) this.release();
    return messages;
  }

  /** Gives back what is still held. */
  release(): void {
    const { queue } = this.options;
    for (const { row, seq } of this.held) if (queue.holds(row, seq)) queue.extend(row, 0);
  }

  async #fillAfter(taking: Promise<number | undefined>): Promise<void> {
    const row = await taking;
    if (row === undefined) return;
    const { store } = this.options.context.broker.queues;
    if (store.locate(row)) this.add(row, store.view);
    // It has left memory again: its turn comes again.
    else this.options.queue.requeue(row, { untouched: true });
    await this.fill();
  }

  #hold(row: number, view: MessageView): void {
    const { context, boot, queue, call, wanted } = this.options;
    this.#position = Math.max(this.#position, context.broker.queues.store.positionOf(row));
    const nowMs = context.environment.clock.nowMs();
    const seq = queue.seq(row);
    const attempt = queue.attempts(row);
    this.held.push({ row, seq, attempt });
    const handle = formatReceipt({
      ...{ boot, queueId: queue.id, row, seq, attempt },
      receivedMs: Math.floor(nowMs),
    });
    const message = readMessage(context, queue, row, view);
    const facts = { attempts: attempt, firstTakenMs: queue.firstTakenMs(row) ?? nowMs };
    const system =
      wanted.system.size === 0 ? NO_SYSTEM : systemAttributes(message, facts, wanted, call);
    const shown = showMessage(context, message, call);
    if (shown instanceof Promise) {
      this.#awaited = true;
      this.#messages.push(shown.then((known) => sqsMessage(known, handle, wanted, system)));
    } else this.#messages.push(sqsMessage(shown, handle, wanted, system));
  }

  get #view(): MessageView {
    return this.options.context.broker.queues.store.view;
  }
}
