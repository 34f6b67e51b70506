import type { AwsHandler } from '../call.ts';
import type { SqsContext } from './context.ts';
import { MessageActions } from './message-actions.ts';
import { MoveTasks } from './move-tasks.ts';
import { QueueActions } from './queue-actions.ts';

/** All actions of SQS over one broker. */
export class Sqs {
  readonly handlers: Readonly<Record<string, AwsHandler>>;
  readonly #messages: MessageActions;
  readonly #moves: MoveTasks;

  constructor(context: SqsContext) {
    this.#messages = new MessageActions(context);
    this.#moves = new MoveTasks(context, this.#messages.sender);
    this.handlers = {
      ...new QueueActions(context).handlers,
      ...this.#messages.handlers,
      ...this.#moves.handlers,
    };
  }

  /** Receives that wait for a message. */
  get waitingCount(): number {
    return this.#messages.polls.count;
  }

  /** Receives that wait are answered with what they have. */
  stopWaiting(): void {
    this.#messages.polls.stop();
  }

  async close(): Promise<void> {
    this.stopWaiting();
    await this.#moves.close();
  }
}
