/**
 * The actions on messages. Sending and deleting answer when what they did is durable; a batch does all its entries in one turn, so
 * it costs one commit.
 */
import type { Queue } from '../../../core/queue/queue.ts';
import type { AwsCall, AwsHandler } from '../call.ts';
import { AwsError } from '../wire/index.ts';
import { type BatchEntry, checkBatch, perEntry } from './batch.ts';
import type { SqsContext } from './context.ts';
import { SQS } from './limits.ts';
import { LongPolls } from './long-poll.ts';
import { queueOf } from './queue-url.ts';
import type { Receipt } from './receipt-handle.ts';
import { Receipts } from './receipts.ts';
import { ReceiveAttempts } from './receive-attempts.ts';
import { Reception } from './reception.ts';
import { batchBytes, checkId, Sender, type SendInput } from './send.ts';
import { type SqsQueue, sqsQueueOf } from './sqs-queue.ts';
import { Wanted } from './wanted.ts';

interface OfQueue {
  QueueUrl: string;
}
interface ReceiveInput extends OfQueue {
  AttributeNames?: readonly string[];
  MessageSystemAttributeNames?: readonly string[];
  MessageAttributeNames?: readonly string[];
  MaxNumberOfMessages?: number;
  VisibilityTimeout?: number;
  WaitTimeSeconds?: number;
  ReceiveRequestAttemptId?: string;
}
interface Handled {
  ReceiptHandle: string;
}
interface Visibility extends Handled {
  VisibilityTimeout: number;
}
interface Batch<E> extends OfQueue {
  Entries: readonly (E & BatchEntry)[];
}

const SECOND_MS = 1_000;
const BATCH_BYTES_MAX: number = 1024 * 1024;
const NOTHING: object = Object.freeze({});

export class MessageActions {
  readonly sender: Sender;
  readonly polls: LongPolls;
  readonly #context: SqsContext;
  readonly #attempts: ReceiveAttempts;
  readonly #boot: number;

  constructor(context: SqsContext) {
    const { environment } = context;
    this.#context = context;
    this.sender = new Sender(context);
    this.polls = new LongPolls(environment);
    this.#attempts = new ReceiveAttempts(environment.clock);
    this.#boot = environment.random.bytes(4).readUInt32BE(0);
  }

  readonly handlers: Readonly<Record<string, AwsHandler>> = {
    SendMessage: (input: OfQueue & SendInput, call) => this.#send(input, call),
    SendMessageBatch: (input: Batch<SendInput>, call) => this.#sendBatch(input, call),
    ReceiveMessage: (input: ReceiveInput, call) => this.#receive(input, call),
    DeleteMessage: (input: OfQueue & Handled) =>
      this.#withReceipts(input, [input], (receipts, queue) => {
        this.#delete(queue, receipts, input.ReceiptHandle);
        return this.#durable(NOTHING);
      }),
    DeleteMessageBatch: (input: Batch<Handled>) =>
      this.#withBatch(input, 'DeleteMessageBatchRequestEntry', (receipts, queue) =>
        this.#durable(
          perEntry(input.Entries, ({ ReceiptHandle }) =>
            this.#delete(queue, receipts, ReceiptHandle),
          ),
        ),
      ),
    ChangeMessageVisibility: (input: OfQueue & Visibility) =>
      this.#withReceipts(input, [input], (receipts, queue) =>
        this.#changeVisibility(queue, receipts, input),
      ),
    ChangeMessageVisibilityBatch: (input: Batch<Visibility>) =>
      this.#withBatch(input, 'ChangeMessageVisibilityBatchRequestEntry', (receipts, queue) =>
        perEntry(input.Entries, (entry) => this.#changeVisibility(queue, receipts, entry)),
      ),
  };

  #send(input: OfQueue & SendInput, call: AwsCall): Promise<object> {
    const queue = queueOf(this.#context, input.QueueUrl);
    this.#checkRoom();
    return this.#durable(this.sender.send(queue, input, call));
  }

  #sendBatch(input: Batch<SendInput>, call: AwsCall): Promise<object> {
    const queue = queueOf(this.#context, input.QueueUrl);
    checkBatch(input.Entries, 'SendMessageBatchRequestEntry');
    const bytes = batchBytes(input.Entries);
    const bytesMax = Math.max(BATCH_BYTES_MAX, this.#context.options.messageBytesMax);
    if (bytes > bytesMax) {
      throw new AwsError(
        'BatchRequestTooLong',
        `Batch requests cannot be longer than ${bytesMax} bytes. You have sent ${bytes} bytes.`,
      );
    }
    this.#checkRoom();
    return this.#durable(perEntry(input.Entries, (entry) => this.sender.send(queue, entry, call)));
  }

  async #receive(input: ReceiveInput, call: AwsCall): Promise<object> {
    const queue = queueOf(this.#context, input.QueueUrl);
    const sqs = sqsQueueOf(queue);
    const { ReceiveRequestAttemptId: attemptId } = input;
    const visibilityMs =
      input.VisibilityTimeout === undefined
        ? sqs.visibilityMs
        : visibilityOf(input.VisibilityTimeout, 'Must be between 0 and 43200, if provided.');
    const reception = new Reception({
      ...{ context: this.#context, boot: this.#boot, queue, call },
      wanted: new Wanted(input),
      countMax: countOf(input.MaxNumberOfMessages),
      visibilityMs,
    });
    const waitMs = waitOf(input.WaitTimeSeconds, sqs);
    const repeated = this.#repeated(queue, sqs, attemptId, visibilityMs);
    if (repeated !== undefined) return { Messages: repeated };
    if (this.#tooManyInFlight(queue, sqs)) return NOTHING;
    await reception.fill();
    if (reception.count === 0 && waitMs > 0 && !queue.deleted) {
      await this.polls.wait(reception, waitMs);
      // It may have been deleted meanwhile.
      if (reception.count === 0) queueOf(this.#context, input.QueueUrl);
    }
    // Nobody reads the answer: others shall not wait for the timeout.
    if (call.exchange.closed) reception.release();
    const messages = await reception.messages();
    if (messages.length === 0) return NOTHING;
    if (sqs.fifo && attemptId !== undefined) {
      this.#attempts.remember(queue, attemptId, { held: reception.held, messages });
    }
    return { Messages: messages };
  }

  #repeated(
    queue: Queue,
    { fifo }: SqsQueue,
    attemptId: string | undefined,
    visibilityMs: number,
  ): readonly object[] | undefined {
    if (attemptId === undefined) return undefined;
    if (!fifo) {
      throw new AwsError(
        'InvalidParameterValue',
        `Value ${attemptId} for parameter ReceiveRequestAttemptId is invalid. Reason: The request include parameter that is not valid for this queue type.`,
      );
    }
    return this.#attempts.repeat(
      queue,
      checkId('ReceiveRequestAttemptId', attemptId),
      visibilityMs,
    );
  }

  /** Whether a FIFO queue answers nothing because of it. Throws for a standard queue. */
  #tooManyInFlight(queue: Queue, { fifo }: SqsQueue): boolean {
    if (!this.#context.options.strict || queue.leasedCount < SQS.inFlightMax) return false;
    if (fifo) return true;
    throw new AwsError(
      'OverLimit',
      `Too many messages are in flight in queue ${queue.name}: ${SQS.inFlightMax} are allowed; delete what was processed.`,
    );
  }

  /** Does what needs receipts, once it is known which messages they mean. */
  #withReceipts(
    { QueueUrl }: OfQueue,
    handled: readonly Handled[],
    act: (receipts: Receipts, queue: Queue) => object | Promise<object>,
  ): object | Promise<object> {
    const queue = queueOf(this.#context, QueueUrl);
    const receipts = new Receipts(queue, this.#boot);
    const searching = receipts.search(handled.map(({ ReceiptHandle }) => ReceiptHandle));
    return searching === undefined
      ? act(receipts, queue)
      : searching.then(() => act(receipts, queue));
  }

  #withBatch<E extends Handled>(
    input: Batch<E>,
    entryName: string,
    act: (receipts: Receipts, queue: Queue) => object | Promise<object>,
  ): object | Promise<object> {
    queueOf(this.#context, input.QueueUrl);
    checkBatch(input.Entries, entryName);
    return this.#withReceipts(input, input.Entries, act);
  }

  /** Returns what a batch answers for the entry. */
  #delete(queue: Queue, receipts: Receipts, handle: string): object {
    const { row, receipt, current } = receipts.know(handle);
    if (row === undefined) return NOTHING;
    const { seq } = receipt;
    this.#attempts.changed(queue, row);
    if (current) queue.ack(row);
    else if (!sqsQueueOf(queue).fifo || wasForgotten(queue, row, receipt)) {
      queue.discard(row, seq);
    } else if (queue.contains(row, seq)) {
      throw new AwsError(
        'InvalidParameterValue',
        `Value ${handle} for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired.`,
      );
    }
    return NOTHING;
  }

  #changeVisibility(
    queue: Queue,
    receipts: Receipts,
    { ReceiptHandle: handle, VisibilityTimeout }: Visibility,
  ): object {
    const visibilityMs = visibilityOf(
      VisibilityTimeout,
      'VisibilityTimeout must be an integer between 0 and 43200.',
    );
    const { row, receipt, current } = receipts.know(handle);
    if (row === undefined || !current) throw notAvailable(queue, handle, row, receipt.seq);
    const inAllMs = this.#context.environment.clock.nowMs() + visibilityMs - receipt.receivedMs;
    if (visibilityMs > 0 && inAllMs > SQS.visibilitySecondsMax * SECOND_MS) {
      throw new AwsError(
        'InvalidParameterValue',
        `Value ${VisibilityTimeout} for parameter VisibilityTimeout is invalid. Reason: Total VisibilityTimeout for the message is beyond the limit [${SQS.visibilitySecondsMax} seconds].`,
      );
    }
    this.#attempts.changed(queue, row);
    queue.extend(row, visibilityMs);
    return NOTHING;
  }

  /** Answers once all that was done up to now is durable. */
  async #durable<T extends object>(answer: T): Promise<T> {
    const { store } = this.#context.broker.queues;
    await store.whenCommitted(store.position);
    return answer;
  }

  /** Throws if memory or disk are short: who consumes goes on. */
  #checkRoom(): void {
    const { alarms } = this.#context.broker;
    if (alarms.reason === undefined) return;
    if (alarms.isOn('disk')) {
      throw new AwsError(
        'ServiceUnavailable',
        'The disk of this broker is nearly full: nothing can be sent until there is room; receiving and deleting go on.',
      );
    }
    throw new AwsError(
      'RequestThrottled',
      'This broker is short of memory: send again later; receiving and deleting go on.',
    );
  }
}

/** Whether a crash has taken away that the message was handed out, and nobody has got it since. */
function wasForgotten(queue: Queue, row: number, { seq, attempt }: Receipt): boolean {
  return queue.contains(row, seq) && !queue.holds(row, seq) && queue.attempts(row) < attempt;
}

function countOf(count = 1): number {
  if (count >= 1 && count <= SQS.receiveMessagesMax) return count;
  throw new AwsError(
    'InvalidParameterValue',
    `Value ${count} for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and ${SQS.receiveMessagesMax}, if provided.`,
  );
}

function waitOf(seconds: number | undefined, { waitMs }: SqsQueue): number {
  if (seconds === undefined) return waitMs;
  if (seconds >= 0 && seconds <= SQS.waitSecondsMax) return seconds * SECOND_MS;
  throw new AwsError(
    'InvalidParameterValue',
    `Value ${seconds} for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= ${SQS.waitSecondsMax}, if provided.`,
  );
}

function visibilityOf(seconds: number, reason: string): number {
  if (seconds >= 0 && seconds <= SQS.visibilitySecondsMax) return seconds * SECOND_MS;
  throw new AwsError(
    'InvalidParameterValue',
    `Value ${seconds} for parameter VisibilityTimeout is invalid. Reason: ${reason}`,
  );
}

function notAvailable(
  queue: Queue,
  handle: string,
  row: number | undefined,
  seq: number,
): AwsError {
  const value = `Value ${handle} for parameter ReceiptHandle is invalid. Reason:`;
  if (row !== undefined && queue.contains(row, seq) && !queue.holds(row, seq)) {
    return new AwsError(
      'MessageNotInflight',
      `${value} Message does not exist or is not available for visibility timeout change.`,
    );
  }
  return new AwsError(
    'InvalidParameterValue',
    `${value} Message does not exist or is not available for visibility timeout change.`,
  );
}
