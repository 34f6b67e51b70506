/**
 * StartMessageMoveTask and its companions. At most one task of a source is active. Tasks are documents, so they go on after a restart;
 * the newest ten of a source are kept.
 */
import type { Queue } from '../../../core/queue/queue.ts';
import type { AwsCall, AwsHandler } from '../call.ts';
import { AwsError } from '../wire/index.ts';
import type { SqsContext } from './context.ts';
import { type MoveState, MoveTask, storedState } from './move-task.ts';
import { isObject, parseJson } from './queue-attributes.ts';
import { invalid } from './queue-rules.ts';
import { queueOfArn } from './queue-url.ts';
import type { Sender } from './send.ts';
import { sqsQueueOf } from './sqs-queue.ts';

interface StartInput {
  SourceArn: string;
  DestinationArn?: string;
  MaxNumberOfMessagesPerSecond?: number;
}

const PREFIX = 'aws/move-task/';
const PER_SECOND_MAX = 500;
/** Tasks that are listed, per source. */
const LISTED_MAX = 10;

export class MoveTasks {
  readonly #context: SqsContext;
  readonly #sender: Sender;
  readonly #tasks = new Map<string, MoveTask>();
  readonly #running = new Set<Promise<void>>();

  constructor(context: SqsContext, sender: Sender) {
    this.#context = context;
    this.#sender = sender;
    for (const [, document] of context.broker.documents.list(PREFIX)) {
      const task = this.#add(document as unknown as MoveState);
      if (task.active) this.#start(task);
    }
  }

  readonly handlers: Readonly<Record<string, AwsHandler>> = {
    StartMessageMoveTask: (input: StartInput, call) => this.#begin(input, call),
    CancelMessageMoveTask: ({ TaskHandle }: { TaskHandle: string }) => this.#cancel(TaskHandle),
    ListMessageMoveTasks: (input: { SourceArn: string; MaxResults?: number }) => this.#list(input),
  };

  /** Stops all; resolves when nothing moves any more. */
  async close(): Promise<void> {
    for (const task of this.#tasks.values()) task.stop();
    await Promise.all(this.#running);
  }

  async #begin(input: StartInput, call: AwsCall): Promise<object> {
    const { SourceArn: sourceArn, DestinationArn: destinationArn } = input;
    const { MaxNumberOfMessagesPerSecond: perSecondMax } = input;
    const source = this.#source(sourceArn);
    if (destinationArn !== undefined && queueOfArn(this.#context, destinationArn) === undefined) {
      throw new AwsError(
        'ResourceNotFoundException',
        "The resource that you specified for the DestinationArn parameter doesn't exist.",
      );
    }
    if (perSecondMax !== undefined && (perSecondMax < 1 || perSecondMax > PER_SECOND_MAX)) {
      throw invalid(
        `Value ${perSecondMax} for parameter MaxNumberOfMessagesPerSecond is invalid. Reason: It must be an integer between 1 and ${PER_SECOND_MAX}.`,
      );
    }
    const isDeadLetterQueue = this.#context.broker.queues
      .list('')
      .some((queue) => sqsQueueOf(queue).redrive?.deadLetterQueue === source.name);
    if (!isDeadLetterQueue)
      throw invalid('Source queue must be configured as a Dead Letter Queue.');
    if (this.#of(source.name).some((task) => task.active)) {
      throw new AwsError(
        'UnsupportedOperation',
        'There is already a task running. Only one active task is allowed for a source queue arn at a given time.',
      );
    }
    const task = this.#add({
      id: this.#context.environment.random.uuid(),
      ...{ sourceArn, status: 'RUNNING', moved: 0, origin: call.origin },
      toMove: source.readyCount,
      startedMs: this.#context.environment.clock.nowMs(),
      ...(destinationArn === undefined ? {} : { destinationArn }),
      ...(perSecondMax === undefined ? {} : { perSecondMax }),
    });
    await this.#save(task.state);
    this.#start(task);
    await this.#forgetOld(source.name);
    return { TaskHandle: handleOf(task.state) };
  }

  #cancel(handle: string): object {
    const parsed = parseJson(Buffer.from(handle, 'base64').toString('utf8'));
    if (!isObject(parsed) || typeof parsed['taskId'] !== 'string') {
      throw invalid(`Value ${handle} for parameter TaskHandle is invalid.`);
    }
    const task = this.#tasks.get(parsed['taskId']);
    if (task === undefined || task.state.status !== 'RUNNING') {
      throw new AwsError('ResourceNotFoundException', 'Task does not exist.');
    }
    task.cancel();
    return { ApproximateNumberOfMessagesMoved: task.state.moved };
  }

  #list({ SourceArn, MaxResults = 1 }: { SourceArn: string; MaxResults?: number }): object {
    if (MaxResults < 1 || MaxResults > LISTED_MAX) {
      throw invalid(
        `Value ${MaxResults} for parameter MaxResults is invalid. Reason: It must be an integer between 1 and ${LISTED_MAX}.`,
      );
    }
    const { name } = this.#source(SourceArn);
    const newest = this.#of(name).sort((a, b) => b.state.startedMs - a.state.startedMs);
    return { Results: newest.slice(0, MaxResults).map(({ state }) => described(state)) };
  }

  #source(arn: string): Queue {
    const queue = queueOfArn(this.#context, arn);
    if (queue !== undefined) return queue;
    throw new AwsError(
      'ResourceNotFoundException',
      "The resource that you specified for the SourceArn parameter doesn't exist.",
    );
  }

  #of(sourceName: string): MoveTask[] {
    const all = [...this.#tasks.values()];
    return all.filter(({ state }) => state.sourceArn.split(':').at(-1) === sourceName);
  }

  #add(state: MoveState): MoveTask {
    const task = new MoveTask(
      { ...state },
      { context: this.#context, sender: this.#sender, save: (changed) => this.#save(changed) },
    );
    this.#tasks.set(state.id, task);
    return task;
  }

  #start(task: MoveTask): void {
    const running: Promise<void> = task.run().finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  #save(state: MoveState): Promise<void> {
    return this.#context.broker.documents.put(PREFIX + state.id, storedState(state));
  }

  async #forgetOld(sourceName: string): Promise<void> {
    const newest = this.#of(sourceName).sort((a, b) => b.state.startedMs - a.state.startedMs);
    for (const { state } of newest.slice(LISTED_MAX)) {
      this.#tasks.delete(state.id);
      await this.#context.broker.documents.delete(PREFIX + state.id);
    }
  }
}

function handleOf({ id, sourceArn }: MoveState): string {
  return Buffer.from(JSON.stringify({ taskId: id, sourceArn })).toString('base64');
}

function described(state: MoveState): object {
  const { sourceArn, destinationArn, perSecondMax, status, failureReason } = state;
  return {
    ...(status === 'RUNNING' ? { TaskHandle: handleOf(state) } : {}),
    Status: status,
    SourceArn: sourceArn,
    ...(destinationArn === undefined ? {} : { DestinationArn: destinationArn }),
    ...(perSecondMax === undefined ? {} : { MaxNumberOfMessagesPerSecond: perSecondMax }),
    ApproximateNumberOfMessagesMoved: state.moved,
    ApproximateNumberOfMessagesToMove: state.toMove,
    ...(failureReason === undefined ? {} : { FailureReason: failureReason }),
    StartedTimestamp: Math.floor(state.startedMs),
  };
}
