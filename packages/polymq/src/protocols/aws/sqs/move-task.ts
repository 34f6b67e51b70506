/**
 * One move task: messages of a dead-letter queue go back to where they came from, or to a queue that was named. Each is put
 * into its destination and removed from its source in one turn of the event loop, so in one batch of the journal.
 *
 *   RUNNING ─► COMPLETED               nothing is ready any more
 *      ├─────► CANCELLING ─► CANCELLED
 *      └─────► FAILED                  a message's source is not known, or gone
 */
import { MessageDraft } from '../../../core/message/message-draft.ts';
import type { Queue } from '../../../core/queue/queue.ts';
import type { DeclaredValues } from '../../../core/queue/queue-definition.ts';
import { sequenceText } from '../message/fifo.ts';
import { AWS_FORMAT_ID } from '../message/format.ts';
import type { SqsContext } from './context.ts';
import { queueOfArn } from './queue-url.ts';
import { readMessage, showMessage, type TakenMessage } from './render.ts';
import type { Sender } from './send.ts';
import { sqsQueueOf } from './sqs-queue.ts';

export type MoveStatus = 'RUNNING' | 'COMPLETED' | 'CANCELLING' | 'CANCELLED' | 'FAILED';

/** As it is stored. */
export interface MoveState {
  id: string;
  sourceArn: string;
  destinationArn?: string;
  perSecondMax?: number;
  status: MoveStatus;
  moved: number;
  toMove: number;
  startedMs: number;
  failureReason?: string;
  /** How those reach this broker who are named in envelopes. */
  origin: string;
}

const LEASE_MS = 300_000;
/** Messages moved before others get their turn of the event loop. */
const TURN_MAX = 100;
const SECOND_MS = 1_000;
/** While more than this is on its way to the disk, moving waits. */
const UNCOMMITTED_BYTES_MAX: number = 4 * 1024 * 1024;

export class MoveTask {
  readonly state: MoveState;
  readonly #context: SqsContext;
  readonly #sender: Sender;
  readonly #save: (state: MoveState) => Promise<void>;
  #stopping = false;

  constructor(
    state: MoveState,
    parts: { context: SqsContext; sender: Sender; save: (state: MoveState) => Promise<void> },
  ) {
    this.state = state;
    this.#context = parts.context;
    this.#sender = parts.sender;
    this.#save = parts.save;
  }

  get active(): boolean {
    return this.state.status === 'RUNNING' || this.state.status === 'CANCELLING';
  }

  cancel(): void {
    this.state.status = 'CANCELLING';
  }

  /** The broker stops: the task goes on when it starts again. */
  stop(): void {
    this.#stopping = true;
  }

  /** Resolves when the task is over, or the broker stops. */
  async run(): Promise<void> {
    const { state } = this;
    try {
      await this.#move();
    } catch (error: unknown) {
      state.status = 'FAILED';
      state.failureReason = error instanceof MoveError ? error.message : 'InternalError';
      if (!(error instanceof MoveError)) {
        this.#context.logger.error({ error, source: state.sourceArn }, 'a move task has failed');
      }
    }
    await this.#save(state).catch((error: unknown) => {
      this.#context.logger.error({ error }, 'the end of a move task was not stored');
    });
  }

  async #move(): Promise<void> {
    const { state } = this;
    const { timers } = this.#context.environment;
    const { store } = this.#context.broker.queues;
    const { perSecondMax } = state;
    while (!this.#stopping && state.status === 'RUNNING') {
      for (let count = perSecondMax === undefined ? TURN_MAX : 1; count > 0; count--) {
        if (await this.#moveNext()) continue;
        await store.whenCommitted(store.position);
        state.status = 'COMPLETED';
        return;
      }
      if (store.uncommittedBytes > UNCOMMITTED_BYTES_MAX) await store.whenCommitted(store.position);
      await new Promise<void>((resolve) => {
        if (perSecondMax === undefined) timers.immediate(resolve);
        else timers.after(SECOND_MS / perSecondMax, resolve);
      });
    }
    if (state.status === 'CANCELLING') state.status = 'CANCELLED';
  }

  /** False if there is nothing to move. */
  async #moveNext(): Promise<boolean> {
    const source = queueOfArn(this.#context, this.state.sourceArn);
    if (source === undefined) throw new MoveError('AWS.SimpleQueueService.NonExistentQueue');
    const taken = source.take(LEASE_MS);
    const row = typeof taken === 'object' ? await taken : taken;
    if (row === undefined) return false;
    const { store } = this.#context.broker.queues;
    if (!store.locate(row)) {
      source.requeue(row, { untouched: true });
      return true;
    }
    const seq = source.seq(row);
    const { view } = store;
    const message = readMessage(this.#context, source, row, view);
    const foreign =
      view.format === AWS_FORMAT_ID
        ? undefined
        : {
            format: view.format,
            properties: Buffer.from(view.properties),
            body: Buffer.from(view.body),
          };
    try {
      const destination = this.#destinationOf(message);
      if (foreign !== undefined) this.#publishForeign(destination, message, foreign);
      else await this.#publish(destination, message);
      if (source.holds(row, seq)) source.ack(row);
    } catch (error: unknown) {
      if (source.holds(row, seq)) source.requeue(row, { untouched: true });
      throw error;
    }
    this.state.moved += 1;
    return true;
  }

  #destinationOf(message: TakenMessage): Queue {
    const { destinationArn } = this.state;
    if (destinationArn !== undefined) {
      const queue = queueOfArn(this.#context, destinationArn);
      if (queue !== undefined) return queue;
      throw new MoveError('AWS.SimpleQueueService.NonExistentQueue');
    }
    const { deadLetterSource } = message;
    if (deadLetterSource === undefined) throw new MoveError('CouldNotDetermineMessageSource');
    const queue = this.#context.broker.queues.get('', deadLetterSource);
    if (queue !== undefined) return queue;
    throw new MoveError('AWS.SimpleQueueService.NonExistentQueue');
  }

  /** It becomes a message of its own, as AWS has it: with another id and time. */
  async #publish(destination: Queue, message: TakenMessage): Promise<void> {
    const shown = await showMessage(this.#context, message, this.state);
    const { broker, environment } = this.#context;
    const {
      published: _,
      topicArn: __,
      structure: ___,
      subject: ____,
      ...kept
    } = message.properties;
    const attributes =
      Object.keys(shown.attributes).length > 0 ? JSON.stringify(shown.attributes) : undefined;
    const { attributes: _____, ...rest } = kept;
    const properties = {
      ...rest,
      ...(attributes === undefined ? {} : { attributes }),
      messageId: environment.random.uuid(),
      md5OfBody: shown.md5OfBody,
    };
    if (sqsQueueOf(destination).fifo) {
      properties.sequenceNumber = sequenceText(broker.dedup.nextNumber());
    }
    this.#sender.publish(destination, properties, shown.body);
  }

  #publishForeign(
    destination: Queue,
    message: TakenMessage,
    { format, properties, body }: { format: number; properties: Buffer; body: Buffer },
  ): void {
    const draft = new MessageDraft();
    draft.format = format;
    draft.persistent = true;
    draft.publishedMs = this.#context.environment.clock.nowMs();
    draft.groupId = message.groupId;
    draft.setNames('', destination.name);
    draft.setContent(properties, body);
    if (this.#context.broker.queues.publish(draft, [destination]) > 0)
      throw new MoveError('OverLimit');
  }
}

/** Its message is the `FailureReason` of the task. */
class MoveError extends Error {}

export function storedState(state: MoveState): DeclaredValues {
  return { ...state };
}
