/**
 * A record of a topic in the hands of a handler. Nothing is leased here: what the handler says is remembered and taken up
 * when it ends, and `ack` counts at once. Attempts are made in place, so their count is of this process.
 */
import { sendReply } from '../driver/reply.ts';
import { type Duration, durationMs } from '../lib/duration.ts';
import { attemptError, errorsIn, storable, withError } from '../message/attempts.ts';
import type { AttemptError, NackOptions } from '../message/message.ts';
import { leaseLost, ReceivedMessage } from '../message/received-message.ts';
import type { TopicRecord } from '../message/wire-message.ts';
import type { TopicPlan } from './topic-plan.ts';

/** What a handler has said of its message before it ended. */
export type Verdict =
  | { readonly kind: 'nack'; readonly reason: unknown; readonly delayMs: number | undefined }
  | { readonly kind: 'reject'; readonly reason: unknown };

export class TopicMessage<T = unknown> extends ReceivedMessage<T> {
  readonly record: TopicRecord;
  /** `done`: the group need not see it again. `lost`: its partition is read by somebody else. */
  state: 'open' | 'done' | 'lost' = 'open';
  verdict: Verdict | undefined = undefined;
  readonly #plan: TopicPlan;
  readonly #onDone: (message: TopicMessage) => void;
  #attempts = 0;
  #errors: readonly AttemptError[] | undefined = undefined;

  constructor(record: TopicRecord, plan: TopicPlan, onDone: (message: TopicMessage) => void) {
    super(record);
    this.record = record;
    this.#plan = plan;
    this.#onDone = onDone;
  }

  get source(): string {
    return this.#plan.name;
  }

  get partition(): number | undefined {
    return this.record.partition < 0 ? undefined : this.record.partition;
  }

  get offset(): number | undefined {
    return this.record.offset < 0 ? undefined : this.record.offset;
  }

  get retryCount(): number {
    return this.#attempts;
  }

  override get errors(): readonly AttemptError[] {
    return this.#errors ?? errorsIn(this.record.headers);
  }

  failedHere(error: unknown, nowMs: number): void {
    this.#errors = withError(this.#errors ?? [], attemptError(this.storable(error), nowMs));
    this.#attempts += 1;
    this.verdict = undefined;
  }

  /** What of an error goes into headers. A text that the handler has said was said to be kept. */
  storable(error: unknown): unknown {
    const isSaid = typeof error === 'string' && this.verdict?.reason === error;
    return isSaid ? error : storable(error, this.#plan.storedErrors);
  }

  async ack(): Promise<void> {
    if (this.state === 'lost') {
      throw leaseLost(this.wire, this.#plan.label, 'its partition went to another member');
    }
    if (this.verdict === undefined) this.done();
  }

  async nack({ delay, reason }: NackOptions = {}): Promise<void> {
    if (this.state !== 'open') return;
    const { label } = this.#plan;
    const delayMs = delay === undefined ? undefined : durationMs(delay, `delay of nack (${label})`);
    this.verdict ??= { kind: 'nack', reason: reason ?? 'nack', delayMs };
  }

  async extend(by?: Duration): Promise<void> {
    if (by !== undefined) durationMs(by, `extend (${this.#plan.label})`);
  }

  async reject(reason?: unknown): Promise<void> {
    if (this.state === 'open') this.verdict ??= { kind: 'reject', reason: reason ?? 'rejected' };
  }

  async reply(data: unknown): Promise<void> {
    await sendReply(this.#plan.context, this.wire, data);
  }

  /** The group need not see it again. */
  done(): void {
    if (this.state !== 'open') return;
    this.state = 'done';
    this.#onDone(this);
  }

  lose(): void {
    if (this.state !== 'open') return;
    this.state = 'lost';
    this.abort(leaseLost(this.wire, this.#plan.label, 'its partition went to another member'));
  }
}
