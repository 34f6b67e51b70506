/**
 * Takes one message through a saga: load, handle, save, send, save again (`saga-record.ts` draws it). Messages of one saga are handled one after the other in
 * this process; between processes the version decides, and who loses loads again and handles again.
 */
import type { Client } from '../../client/client.ts';
import { PolymqError } from '../../errors.ts';
import type { OutgoingMessage } from '../../message/wire-message.ts';
import {
  CollectingContext,
  type SagaPlace,
  TIMEOUT_TYPE,
  type TimeoutData,
} from './saga-context.ts';
import type { SagaRecord, SagaStore, StoredSend, VersionedRecord } from './saga-record.ts';
import type { BySaga, SagaContext, SagaHandler, SagaMessage } from './saga-types.ts';

export interface KindRules<State> {
  start?: { readonly by: BySaga<unknown>; readonly handler: SagaHandler<State, unknown> };
  on?: { readonly by: BySaga<unknown>; readonly handler: SagaHandler<State, unknown> | undefined };
}

export interface SagaRules<State> {
  readonly kinds: ReadonlyMap<string, KindRules<State>>;
  readonly timeouts: ReadonlyMap<string, (context: SagaContext<State>) => unknown>;
  readonly compensated: ((context: SagaContext<State>) => unknown) | undefined;
  readonly initial: () => State;
  readonly remember: number;
}

/** What a message means for the saga it belongs to. */
interface Step<State> {
  readonly id: string;
  readonly kind: string;
  readonly starts: boolean;
  readonly message: SagaMessage;
  run(context: CollectingContext<State>, existed: boolean): Promise<boolean>;
}

const CONFLICTS_MAX = 20;

export class SagaRunner<State> {
  readonly #place: SagaPlace;
  readonly #store: SagaStore;
  readonly #rules: SagaRules<State>;
  /** The last message under way of each saga. */
  readonly #turns = new Map<string, Promise<unknown>>();

  constructor(place: SagaPlace, store: SagaStore, rules: SagaRules<State>) {
    this.#place = place;
    this.#store = store;
    this.#rules = rules;
  }

  /** Resolves when the message may be acknowledged. */
  async handle(message: SagaMessage): Promise<void> {
    const step = this.#stepOf(message);
    const before = this.#turns.get(step.id);
    const turn = (before ?? Promise.resolve()).then(() => this.#take(step));
    const settled = turn.catch(() => undefined);
    this.#turns.set(step.id, settled);
    try {
      await turn;
    } finally {
      if (this.#turns.get(step.id) === settled) this.#turns.delete(step.id);
    }
  }

  async #take(step: Step<State>): Promise<void> {
    for (let conflicts = 0; ; conflicts++) {
      try {
        return await this.#takeOnce(step);
      } catch (error: unknown) {
        if (!isConflict(error) || conflicts === CONFLICTS_MAX) throw error;
      }
    }
  }

  async #takeOnce(step: Step<State>): Promise<void> {
    const { saga } = this.#place;
    const found = await this.#store.load(saga, step.id);
    const known = found?.record.seen.includes(step.message.id) === true;
    const next = known ? undefined : await this.#handled(step, found?.record);
    if (next === undefined) {
      if (found !== undefined) await this.#flush(step.id, found);
      return;
    }
    const expected = found?.version ?? 0;
    await this.#store.save(saga, step.id, next, expected);
    await this.#flush(step.id, { version: expected + 1, record: next });
  }

  /** The saga after the message; undefined: the message means nothing to it. */
  async #handled(
    step: Step<State>,
    found: SagaRecord | undefined,
  ): Promise<SagaRecord | undefined> {
    const { remember, initial, compensated } = this.#rules;
    if (found === undefined && !step.starts) throw this.#notThere(step);
    const record = found ?? freshRecord(initial());
    const context = new CollectingContext<State>(this.#place, step.id, record, step.message.id);
    if (context.ended) return undefined;
    context.confirm(step.kind);
    if (!(await step.run(context, found !== undefined))) return undefined;
    if (await context.settle()) {
      await compensated?.(context);
      await context.settle();
    }
    return context.record(remember);
  }

  /** Sends what nobody has sent yet: also what earlier messages have led to, in order. */
  async #flush(id: string, saved: VersionedRecord): Promise<void> {
    const sent = new Set<string>();
    try {
      for (const send of saved.record.outbox) {
        await sendOne(this.#place.mq, send);
        sent.add(send.id);
      }
    } catch (error: unknown) {
      // That it could not be sent is what is to be told, also if the store fails as well.
      await this.#forget(id, sent, saved).catch(() => undefined);
      throw error;
    }
    await this.#forget(id, sent, saved);
  }

  async #forget(id: string, sent: ReadonlySet<string>, saved: VersionedRecord): Promise<void> {
    const { saga } = this.#place;
    let current: VersionedRecord | undefined = saved;
    for (let conflicts = 0; current !== undefined; conflicts++) {
      const { record, version }: VersionedRecord = current;
      const outbox = record.outbox.filter((send) => !sent.has(send.id));
      if (outbox.length === record.outbox.length) return;
      try {
        return await this.#store.save(saga, id, { ...record, outbox }, version);
      } catch (error: unknown) {
        if (!isConflict(error) || conflicts === CONFLICTS_MAX) throw error;
        current = await this.#store.load(saga, id);
      }
    }
  }

  #stepOf(message: SagaMessage): Step<State> {
    if (message.type === TIMEOUT_TYPE) return this.#timeoutStep(message);
    const rules = this.#rules.kinds.get(message.type) ?? {};
    const { start, on } = rules;
    const id = (start ?? on)?.by(message) ?? '';
    if (id === '') {
      throw new PolymqError(
        'saga-failed',
        `a message of type "${message.type}" names no saga "${this.#place.saga}": give its sender a correlationId or key, or tell the saga by { by: (message) => … }`,
      );
    }
    return {
      id,
      kind: message.type,
      starts: start !== undefined,
      message,
      run: async (context, existed) => {
        if (!existed) await start?.handler(context, message);
        else if (on !== undefined) await on.handler?.(context, message);
        // It was begun before: a second start is no start.
        else return false;
        return true;
      },
    };
  }

  #timeoutStep(message: SagaMessage): Step<State> {
    const data = message.data as TimeoutData;
    return {
      ...{ id: data.id, kind: TIMEOUT_TYPE, starts: false, message },
      run: async (context) => {
        if (!context.takeTimeout(data)) return false;
        const handler = this.#rules.timeouts.get(data.name);
        if (handler === undefined) {
          throw new PolymqError(
            'saga-failed',
            `the saga "${this.#place.saga}" has no onTimeout("${data.name}"); add it, then redrive the message`,
          );
        }
        await handler(context);
        return true;
      },
    };
  }

  #notThere({ id, kind }: Step<State>): PolymqError {
    return new PolymqError(
      'saga-failed',
      `there is no saga "${this.#place.saga}" ${id} yet for a message of type "${kind}"; it is retried, since the message that begins the saga may be on its way`,
    );
  }
}

function freshRecord(state: unknown): SagaRecord {
  return {
    status: 'running',
    state,
    seen: [],
    outbox: [],
    made: 0,
    compensations: [],
    timeouts: {},
  };
}

async function sendOne({ driver, clock }: Client, send: StoredSend): Promise<void> {
  const message = outgoing(send, clock.nowMs());
  if (send.to === 'topic') {
    await driver.topics!.publish(send.name, [message]);
    return;
  }
  const outcomes = await driver.queues!.send(send.name, [message]);
  const outcome = outcomes?.[0];
  if (outcome !== undefined && 'error' in outcome) throw outcome.error;
}

function outgoing(send: StoredSend, nowMs: number): OutgoingMessage {
  const { id, body, contentType, type, key, headers, correlationId, madeMs, dueMs, dedupe } = send;
  return {
    ...{ id, contentType, type, key, headers, correlationId, dedupe },
    body: Buffer.from(body, 'base64'),
    timestampMs: madeMs,
    delayMs: dueMs === undefined ? undefined : Math.max(0, dueMs - nowMs),
  };
}

function isConflict(error: unknown): boolean {
  return error instanceof PolymqError && error.code === 'version-conflict';
}
