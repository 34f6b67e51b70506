/**
 * The way of messages from a queue's `send` to the driver: declared first, within the time allowed, and for a full queue that `block`s
 * again and again until there is room. Senders that meet a full queue wait in line, so that their order stays.
 */
import type { SendOutcome } from '../driver/driver.ts';
import { requireCapability } from '../driver/require-capability.ts';
import { PolymqError } from '../errors.ts';
import { sleep } from '../lib/clock.ts';
import { sendChannel } from '../lib/diagnostics.ts';
import { type Duration, durationMs } from '../lib/duration.ts';
import type { Maybe } from '../lib/maybe.ts';
import { within } from '../lib/within.ts';
import { type DeliveryFacts, MessageWriter, PLAIN } from '../message/message-writer.ts';
import type { OutgoingMessage } from '../message/wire-message.ts';
import { wrapSend } from '../message/wrapping.ts';
import type { Declaration } from './declaration.ts';
import type { SendOptions } from './queue.ts';
import type { QueuePlan } from './queue-plan.ts';

const FULL_WAIT_FIRST_MS = 5;
const FULL_WAIT_MAX_MS = 500;

type Outcomes = readonly SendOutcome[] | undefined;
type Send = (messages: readonly OutgoingMessage[], limit: Limit | undefined) => Promise<Outcomes>;

/** For sends that may not take for ever. */
interface Limit {
  readonly timeoutMs: number;
  /** By the clock. */
  readonly endMs: number;
  /** The interceptors have let it through; from then on the way to the driver keeps the time. */
  isThrough: boolean;
}

export class QueueSender {
  readonly #plan: QueuePlan;
  readonly #declaration: Declaration;
  readonly #writer: MessageWriter;
  readonly #send: Send;
  /** Interceptors stand around sends, and may hold them up. */
  readonly #isWrapped: boolean;
  readonly #around: (
    messages: readonly OutgoingMessage[],
    keep: () => Promise<unknown>,
  ) => Promise<unknown>;
  /** The last of those who wait for room. */
  #line: Promise<unknown> | undefined = undefined;

  constructor(plan: QueuePlan, declaration: Declaration) {
    this.#plan = plan;
    this.#declaration = declaration;
    const { place, contracts, interceptors, context } = plan;
    this.#writer = new MessageWriter({ place, clock: context.clock, contracts, interceptors });
    this.#send = wrapSend(place, interceptors, (messages, limit) =>
      this.#toDriver(messages, limit),
    );
    this.#isWrapped = interceptors.some((each) => each.send !== undefined);
    this.#around = wrapSend(place, interceptors, (_, keep) => keep());
  }

  /** The message for the driver. Throws or rejects if it cannot be made. `nowMs`: when it is sent. */
  write(data: unknown, options: SendOptions, nowMs: number): Maybe<OutgoingMessage> {
    const facts = this.#factsOf(options);
    return this.#plan.queues.takesText === true
      ? this.#writer.writeText(data, options, facts, nowMs)
      : this.#writer.write(data, options, facts);
  }

  /** The message for somebody else, who keeps it. */
  encode(data: unknown, options: SendOptions): Maybe<OutgoingMessage> {
    return this.#writer.write(data, options, this.#factsOf(options));
  }

  /** What stands around a send, around keeping the message. */
  around<R>(message: OutgoingMessage, keep: () => Promise<R>): Promise<R> {
    return this.#around([message], keep) as Promise<R>;
  }

  /** Outcomes in the order of the messages; rejects if none could be sent. */
  send(messages: readonly OutgoingMessage[], timeout: Duration | undefined): Promise<Outcomes> {
    const { context, label } = this.#plan;
    context.checkOpen();
    if (timeout === undefined) return this.#send(messages, undefined);
    const timeoutMs = durationMs(timeout, `timeout of a send to ${label}`);
    const limit = { timeoutMs, endMs: context.clock.nowMs() + timeoutMs, isThrough: false };
    const sent = this.#send(messages, limit);
    return this.#isWrapped ? this.#untilThrough(sent, limit) : sent;
  }

  /** An interceptor may take its time, but not more than the send has. */
  #untilThrough(sent: Promise<Outcomes>, limit: Limit): Promise<Outcomes> {
    const { clock } = this.#plan.context;
    return new Promise((resolve, reject) => {
      const timer = clock.after(limit.timeoutMs, () => {
        if (!limit.isThrough) reject(this.#heldUp(limit));
      });
      sent.finally(() => timer.cancel()).then(resolve, reject);
    });
  }

  #factsOf(options: SendOptions): DeliveryFacts {
    const { delay, priority, dedupe, ttl } = options;
    if (
      delay === undefined &&
      priority === undefined &&
      dedupe === undefined &&
      ttl === undefined
    ) {
      return PLAIN;
    }
    const { label, context } = this.#plan;
    const { driver } = context;
    if (delay !== undefined) requireCapability(driver, 'delay');
    if (dedupe !== undefined) requireCapability(driver, 'dedupe');
    if (ttl !== undefined) requireCapability(driver, 'ttl');
    if (priority !== undefined) this.#checkPriority(priority);
    return {
      delayMs: delay === undefined ? undefined : durationMs(delay, `delay for ${label}`),
      priority,
      dedupe,
      ttlMs: ttl === undefined ? undefined : durationMs(ttl, `ttl for ${label}`),
    };
  }

  #checkPriority(priority: number): void {
    const { context, spec, label, declare } = this.#plan;
    requireCapability(context.driver, 'priority');
    const max = declare ? spec.priorityMax : 255;
    if (Number.isInteger(priority) && priority >= 0 && priority <= max) return;
    throw new PolymqError(
      'invalid-argument',
      `priority ${priority} does not exist in ${label}; give a whole number from 0 to ${max}, or declare it with more priorities`,
    );
  }

  async #toDriver(
    messages: readonly OutgoingMessage[],
    limit: Limit | undefined,
  ): Promise<Outcomes> {
    const { context, place, name, queues, blocks } = this.#plan;
    if (limit !== undefined && this.#isWrapped) {
      if (limit.endMs <= context.clock.nowMs()) throw this.#heldUp(limit);
      limit.isThrough = true;
    }
    if (sendChannel.hasSubscribers) sendChannel.publish({ place, messages });
    context.openCalls.begin();
    try {
      if (blocks) return await this.#whenThereIsRoom(messages, limit);
      const leftMs = limit === undefined ? undefined : limit.endMs - context.clock.nowMs();
      const sent = this.#declaration.done
        ? queues.send(name, messages, leftMs)
        : this.#declaration.ready().then(() => queues.send(name, messages, leftMs));
      if (limit === undefined || leftMs === undefined) return await sent;
      return await this.#within(sent, leftMs, limit.timeoutMs);
    } finally {
      context.openCalls.end();
    }
  }

  /** One that has given up in the line keeps its place, and does nothing when its turn comes: the others stay in order. */
  async #whenThereIsRoom(
    messages: readonly OutgoingMessage[],
    limit: Limit | undefined,
  ): Promise<Outcomes> {
    const { clock, timeoutMs: usualMs } = this.#plan.context;
    const timeoutMs = limit?.timeoutMs ?? usualMs;
    const endMs = limit?.endMs ?? clock.nowMs() + timeoutMs;
    const before = this.#line;
    const attempt = (): Promise<Outcomes> => this.#untilRoom(messages, timeoutMs, endMs);
    const mine = before === undefined ? attempt() : before.then(attempt);
    const over = (): void => {
      if (this.#line === line) this.#line = undefined;
    };
    const line = mine.then(over, over);
    this.#line = line;
    const isMyTurn = before === undefined || (await this.#isReached(before, endMs));
    return isMyTurn ? mine : this.#stayedFull(messages, timeoutMs);
  }

  /** Whether those before in the line are done in time. */
  #isReached(before: Promise<unknown>, endMs: number): Promise<boolean> {
    const { clock } = this.#plan.context;
    return new Promise((resolve) => {
      const timer = clock.after(Math.max(0, endMs - clock.nowMs()), () => resolve(false));
      void before.then(() => {
        timer.cancel();
        resolve(true);
      });
    });
  }

  async #untilRoom(
    messages: readonly OutgoingMessage[],
    timeoutMs: number,
    endMs: number,
  ): Promise<Outcomes> {
    const { clock } = this.#plan.context;
    const outcomes: SendOutcome[] = [];
    let open = messages.map((_, index) => index);
    for (let waitMs = FULL_WAIT_FIRST_MS; ; waitMs = Math.min(waitMs * 2, FULL_WAIT_MAX_MS)) {
      const leftMs = endMs - clock.nowMs();
      if (leftMs <= 0) break;
      const sent = await this.#attempt(
        open.map((index) => messages[index]!),
        leftMs,
        timeoutMs,
      );
      open = open.filter((index, place) => {
        const outcome = sent?.[place] ?? { duplicate: false };
        if (isFull(outcome)) return true;
        outcomes[index] = outcome;
        return false;
      });
      if (open.length === 0) return outcomes;
      await sleep(clock, Math.min(waitMs, Math.max(0, endMs - clock.nowMs())));
    }
    const [outcome] = this.#stayedFull(open, timeoutMs);
    for (const index of open) outcomes[index] = outcome!;
    return outcomes;
  }

  #stayedFull(messages: readonly unknown[], timeoutMs: number): SendOutcome[] {
    const error = this.#timeout(timeoutMs, 'it stayed full');
    return messages.map(() => ({ error }));
  }

  /** What was refused for want of room is an outcome like others. */
  async #attempt(
    messages: readonly OutgoingMessage[],
    leftMs: number,
    timeoutMs: number,
  ): Promise<Outcomes> {
    const { name, queues } = this.#plan;
    const sent = this.#declaration.ready().then(() => queues.send(name, messages, leftMs));
    try {
      return await this.#within(sent, leftMs, timeoutMs);
    } catch (error) {
      if (!(error instanceof PolymqError) || error.code !== 'queue-full') throw error;
      return messages.map(() => ({ error }));
    }
  }

  #within(sent: Promise<Outcomes>, leftMs: number, timeoutMs: number): Promise<Outcomes> {
    return within(sent, leftMs, this.#plan.context.clock, () =>
      this.#timeout(timeoutMs, 'the engine did not answer'),
    );
  }

  #timeout(timeoutMs: number, why: string): PolymqError {
    return new PolymqError(
      'timeout',
      `sending to ${this.#plan.label} took longer than ${timeoutMs} ms: ${why}; send it again later (the engine may have it, so with \`dedupe\`)`,
    );
  }

  /** Nothing of it has reached the engine, or will. */
  #heldUp({ timeoutMs }: Limit): PolymqError {
    return new PolymqError(
      'timeout',
      `sending to ${this.#plan.label} took longer than ${timeoutMs} ms: an interceptor (a rate limit?) held it up, and it is not sent; send it again later`,
    );
  }
}

function isFull(outcome: SendOutcome): boolean {
  return 'error' in outcome && outcome.error.code === 'queue-full';
}
