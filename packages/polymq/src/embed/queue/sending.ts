/**
 * Puts messages into queues. A batch is put in one turn, so it costs one commit and one promise; what a message has done to it
 * (a duplicate, a full queue) is an outcome of its own.
 */
import { type OutgoingMessage, PolymqError, type SendOutcome } from '@polymq/client/driver';
import { groupOfKey } from '../../core/message/message-group.ts';
import { queueDedupScope } from '../../core/queue/dedup.ts';
import type { Queue } from '../../core/queue/queue.ts';
import type { Commits } from '../commit.ts';
import type { EmbeddedContext } from '../context.ts';
import { clientError } from '../errors.ts';
import { DraftWriter } from '../wire.ts';
import { SendTurns } from './send-turns.ts';

/** `undefined`: all were stored. */
type Outcomes = readonly SendOutcome[] | undefined;

const STORED: SendOutcome = { duplicate: false };
const DUPLICATE: SendOutcome = { duplicate: true };

export class Sending {
  readonly #context: EmbeddedContext;
  readonly #commits: Commits;
  /** One serves all: putting never waits. */
  readonly #writer: DraftWriter = new DraftWriter();
  readonly #targets: Queue[] = [];
  readonly #turns: SendTurns;

  constructor(context: EmbeddedContext, commits: Commits) {
    this.#context = context;
    this.#commits = commits;
    this.#turns = new SendTurns(context);
  }

  /** `undefined`: all were stored. Mostly nothing has to be waited for but the commit, whose promise all of a round share. */
  send(queue: Queue, messages: readonly OutgoingMessage[]): Promise<Outcomes> {
    const room = this.#commits.room(`send to queue "${queue.name}"`);
    if (room === undefined) return this.#putInTurn(queue, messages);
    return room.then(() => this.#putInTurn(queue, messages));
  }

  #putInTurn(queue: Queue, messages: readonly OutgoingMessage[]): Promise<Outcomes> {
    const turn = this.#turns.enter(messages.length);
    if (turn === undefined) return this.#putAll(queue, messages);
    return turn.then(() => this.#putAll(queue, messages));
  }

  #putAll(queue: Queue, messages: readonly OutgoingMessage[]): Promise<Outcomes> {
    if (queue.deleted) return Promise.reject(gone(queue));
    let outcomes: SendOutcome[] | undefined;
    const nowMs = this.#context.clock.nowMs();
    for (let index = 0; index < messages.length; index++) {
      const outcome = this.put(queue, messages[index]!, nowMs);
      if (outcome === STORED && outcomes === undefined) continue;
      outcomes ??= new Array<SendOutcome>(index).fill(STORED);
      outcomes.push(outcome);
    }
    const durable = this.#commits.durable();
    return outcomes === undefined ? durable : durable.then(() => outcomes);
  }

  /** Puts one message, which is durable with the next commit. `returning`: see `MessageDraft`. */
  put(queue: Queue, message: OutgoingMessage, nowMs: number, returning = false): SendOutcome {
    try {
      return message.dedupe === undefined
        ? this.#publish(queue, message, nowMs, returning)
        : this.#publishOnce(queue, message, message.dedupe, nowMs);
    } catch (error: unknown) {
      return { error: clientError(error, `send a message to queue "${queue.name}"`) };
    }
  }

  #publishOnce(queue: Queue, message: OutgoingMessage, dedupe: string, nowMs: number): SendOutcome {
    const { dedup } = this.#context.core;
    const scope = queueDedupScope(queue.id);
    if (dedup.find(scope, dedupe) !== undefined) return DUPLICATE;
    const number = dedup.nextNumber();
    const outcome = this.#publish(queue, message, nowMs, false);
    if (outcome === STORED) dedup.remember(scope, dedupe, number);
    return outcome;
  }

  #publish(queue: Queue, message: OutgoingMessage, nowMs: number, returning: boolean): SendOutcome {
    const { messageBytesMax } = this.#context;
    if (isLarger(message, messageBytesMax))
      return { error: tooLarge(queue, message, messageBytesMax) };
    const draft = this.#writer.fill(message, '', queue.name);
    const { delayMs, ttlMs } = message;
    draft.publishedMs = nowMs;
    draft.dueMs = delayMs === undefined || delayMs <= 0 ? 0 : nowMs + delayMs;
    draft.ttlMs = ttlMs ?? -1;
    draft.groupId = queue.definition.settings.groups === true ? groupOfKey(message.key) : undefined;
    draft.returning = returning;
    this.#targets[0] = queue;
    return this.#context.core.queues.publish(draft, this.#targets) === 0
      ? STORED
      : { error: full(queue) };
  }
}

/** UTF-16 units become at most three bytes each, so short text need not be counted. */
function isLarger(message: OutgoingMessage, bytesMax: number): boolean {
  const { text } = message;
  return (text === undefined || text.length > bytesMax / 3) && message.body.length > bytesMax;
}

export function gone({ name }: { name: string }): PolymqError {
  return new PolymqError('not-found', `there is no queue "${name}"; declare it first`);
}

function full({ name, readyCount }: Queue): PolymqError {
  return new PolymqError(
    'queue-full',
    `queue "${name}" is full with ${readyCount} messages: wait until some were consumed, or raise its limit`,
  );
}

function tooLarge({ name }: Queue, { id, body }: OutgoingMessage, bytesMax: number): PolymqError {
  return new PolymqError(
    'message-too-large',
    `message ${id} for queue "${name}" has ${body.length} bytes; ${bytesMax} are allowed: ` +
      'send a reference to the data, or raise amqp.messageBytesMax',
  );
}
