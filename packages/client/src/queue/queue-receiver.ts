/** `receive` and `receiveBatch`: messages by the piece, for those who settle them by hand. */
import { PolymqError } from '../errors.ts';
import { receiveChannel } from '../lib/diagnostics.ts';
import { durationMs } from '../lib/duration.ts';
import { checkOptions } from '../lib/known-options.ts';
import { MessageReader } from '../message/message-reader.ts';
import type { Delivery } from '../message/wire-message.ts';
import type { Declaration } from './declaration.ts';
import { RECEIVE_OPTIONS } from './option-names.ts';
import type { ReceiveBatchOptions } from './queue.ts';
import { QueueMessage } from './queue-message.ts';
import type { QueuePlan } from './queue-plan.ts';
import type { Settling } from './settling.ts';

/** So that it does not go round and round. */
const GIVE_BACK_MS = 1_000;

export class QueueReceiver {
  readonly #plan: QueuePlan;
  readonly #declaration: Declaration;
  readonly #settling: Settling;
  readonly #reader: MessageReader;

  constructor(plan: QueuePlan, declaration: Declaration, settling: Settling) {
    this.#plan = plan;
    this.#declaration = declaration;
    this.#settling = settling;
    this.#reader = new MessageReader(plan.place, plan.contracts, plan.interceptors);
  }

  /** What cannot be decoded goes to the dead letters, and the wait goes on for the rest of the time. */
  async receive(options: ReceiveBatchOptions): Promise<QueueMessage[]> {
    const { context, name, label, leaseMs, queues } = this.#plan;
    const { max, wait = 0, signal } = options;
    checkOptions(options, RECEIVE_OPTIONS, `a receive from ${label}`);
    this.#check(max);
    const waitMs = durationMs(wait, `wait of receive (${label})`);
    if (!this.#declaration.done) await this.#declaration.ready();
    const endMs = context.clock.nowMs() + waitMs;
    for (;;) {
      const leftMs = Math.max(0, endMs - context.clock.nowMs());
      const deliveries = await queues.receive(name, { max, waitMs: leftMs, leaseMs, signal });
      if (deliveries.length === 0) return [];
      const messages = await this.#open(deliveries);
      if (messages.length > 0) return messages;
    }
  }

  #check(max: number): void {
    const { context, label, delivery } = this.#plan;
    context.checkOpen();
    if (!(Number.isSafeInteger(max) && max > 0)) {
      throw new PolymqError(
        'invalid-argument',
        `max of receiveBatch (${label}) is ${max}; give a whole number above 0`,
      );
    }
    if (typeof delivery === 'string') return;
    throw new PolymqError(
      'invalid-argument',
      `${label} delivers effectively once, which needs to know when the work begins and ends; use consume or messages`,
    );
  }

  async #open(deliveries: readonly Delivery[]): Promise<QueueMessage[]> {
    const { place, context, delivery } = this.#plan;
    const nowMs = context.clock.nowMs();
    const messages: QueueMessage[] = [];
    for (const each of deliveries) {
      const message = new QueueMessage(each, this.#settling, nowMs);
      const isGood = this.#isGood(message);
      if (isGood !== true && !(await isGood)) continue;
      if (delivery === 'at-most-once' && !(await this.#ends(message, message.ack()))) continue;
      if (receiveChannel.hasSubscribers) receiveChannel.publish({ place, message });
      messages.push(message);
    }
    return messages;
  }

  /** A promise only if something has to be waited for. */
  #isGood(message: QueueMessage): true | Promise<boolean> {
    if (this.#settling.isPoison(message)) {
      return this.#ends(message, this.#settling.giveUp(message)).then(() => false);
    }
    try {
      const reading = this.#reader.read(message);
      if (reading === undefined) return true;
      return reading.then(
        () => true,
        (error: unknown) => this.#unreadable(message, error),
      );
    } catch (error) {
      return this.#unreadable(message, error);
    }
  }

  async #unreadable(message: QueueMessage, error: unknown): Promise<boolean> {
    this.#plan.context.onError(error);
    await this.#ends(message, this.#settling.reject(message, error));
    return false;
  }

  /** What cannot be put where it belongs goes back, and whoever receives gets the others all the same. */
  async #ends(message: QueueMessage, settling: Promise<void>): Promise<boolean> {
    const { onError } = this.#plan.context;
    try {
      await settling;
      return true;
    } catch (error) {
      onError(error);
      await this.#settling.release(message, GIVE_BACK_MS, true).catch(onError);
      return false;
    }
  }
}
