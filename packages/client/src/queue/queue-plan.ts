/**
 * The options of a queue with all defaults filled in, checked against what the engine can do: whoever needs what it lacks learns it
 * when the queue is declared, by an `UnsupportedError`.
 */
import type { Capability } from '../driver/capabilities.ts';
import type { ClientContext } from '../driver/client-context.ts';
import type { Driver, QueueDriver, QueueLimit, QueueSpec } from '../driver/driver.ts';
import { requireCapability, unsupported } from '../driver/require-capability.ts';
import { PolymqError } from '../errors.ts';
import { type Duration, durationMs } from '../lib/duration.ts';
import { checkOptions } from '../lib/known-options.ts';
import { type StoredErrors, storedErrorsOf } from '../message/attempts.ts';
import { type Contracts, contractsOf } from '../message/contracts.ts';
import type { Interceptor, Place } from '../message/interceptor.ts';
import { LIMIT_OPTIONS, QUEUE_OPTIONS } from './option-names.ts';
import type { Delivery, OnceStore, QueueOptions } from './queue.ts';
import { type RetryPolicy, retryPolicy } from './retry.ts';

const LEASE_MS = 30_000;
const LEASE_MAX_MS = 3_600_000;
const PRIORITY_MAX = 9;
const PRIORITY_LIMIT = 255;

/** Everything that the parts of one queue have to know. */
export interface QueuePlan {
  readonly name: string;
  /** For errors: `queue "orders"`. */
  readonly label: string;
  readonly context: ClientContext;
  readonly queues: QueueDriver;
  readonly place: Place;
  readonly spec: QueueSpec;
  /** `false`: it exists already. */
  readonly declare: boolean;
  readonly deadLetter: string | undefined;
  readonly retry: RetryPolicy;
  readonly leaseMs: number;
  readonly leaseMaxMs: number;
  readonly delivery: Delivery;
  /** `limit.overflow` is `block`: who sends into the full queue waits. */
  readonly blocks: boolean;
  /** How errors of attempts are kept in headers. */
  readonly storedErrors: StoredErrors;
  readonly contracts: Contracts | undefined;
  readonly interceptors: readonly Interceptor[];
}

export function planQueue(context: ClientContext, name: string, options: QueueOptions): QueuePlan {
  const label = `queue "${name}"`;
  if (name === '') throw new PolymqError('invalid-argument', 'a queue needs a name that is not ""');
  checkOptions(options, QUEUE_OPTIONS, label);
  checkOptions(options.limit, LIMIT_OPTIONS, `limit of ${label}`);
  const { driver } = context;
  const { queues } = driver;
  for (const capability of neededBy(options)) requireCapability(driver, capability);
  if (queues === undefined) throw unsupported(driver, 'queue');
  const deadLetter = deadLetterOf(name, options, label);
  const interceptors = [...context.interceptors, ...(options.interceptors ?? [])];
  const leaseMs = msOr(options.lease, LEASE_MS, `lease of ${label}`);
  return {
    name,
    label,
    context,
    queues,
    place: { kind: 'queue', name, engine: driver.engine, system: driver.system },
    spec: specOf(context, { name, label, options, deadLetter, leaseMs }),
    declare: options.declare ?? true,
    deadLetter,
    retry: retryPolicy(options.retry, label, context.random),
    leaseMs,
    leaseMaxMs: msOr(options.leaseMax, LEASE_MAX_MS, `leaseMax of ${label}`),
    delivery: checkedDelivery(options.delivery, label),
    blocks: options.limit?.overflow === 'block',
    contracts: contractsOf(label, options.contract),
    interceptors,
    storedErrors: storedErrorsOf(options.storedErrors, interceptors, label),
  };
}

/** For programs that no compiler has read. */
function checkedDelivery(delivery: Delivery = 'at-least-once', label: string): Delivery {
  if (delivery === 'at-most-once' || delivery === 'at-least-once') return delivery;
  const { mode, once } = Object(delivery) as { mode?: unknown; once?: Partial<OnceStore> };
  if (mode === 'effectively-once' && typeof once?.once === 'function') return delivery;
  throw new PolymqError(
    'invalid-argument',
    `delivery of ${label} is none; give 'at-most-once', 'at-least-once', or { mode: 'effectively-once', once } with a store (an inbox, or onceBy of an idempotency store)`,
  );
}

function* neededBy(options: QueueOptions): Generator<Capability> {
  yield 'queue';
  if (options.fifo === true) yield 'fifo';
  if ((options.priorities ?? 0) > 0) yield 'priority';
  if (options.ttl !== undefined) yield 'ttl';
  if (options.limit !== undefined) yield 'limit';
  if (options.limit?.overflow === 'drop-lowest-priority') yield 'drop-lowest-priority';
  yield* options.requires ?? [];
}

function deadLetterOf(name: string, options: QueueOptions, label: string): string | undefined {
  if (options.deadLetter === false) return undefined;
  const deadLetter = options.deadLetter ?? `${name}-dlq`;
  if (deadLetter !== name && deadLetter !== '') return deadLetter;
  throw new PolymqError(
    'invalid-argument',
    `deadLetter of ${label} is ${JSON.stringify(deadLetter)}; name another queue, or false to drop what fails`,
  );
}

interface SpecParts {
  readonly name: string;
  readonly label: string;
  readonly options: QueueOptions;
  readonly deadLetter: string | undefined;
  readonly leaseMs: number;
}

function specOf(context: ClientContext, parts: SpecParts): QueueSpec {
  const { name, label, options, deadLetter, leaseMs } = parts;
  return {
    name,
    durable: options.durable ?? true,
    fifo: options.fifo ?? false,
    priorityMax: priorityMaxOf(context, options, label),
    deadLetter,
    ttlMs: options.ttl === undefined ? undefined : durationMs(options.ttl, `ttl of ${label}`),
    limit: limitOf(options.limit, label),
    leaseMs,
  };
}

function priorityMaxOf(context: ClientContext, options: QueueOptions, label: string): number {
  const { priorities, fifo = false } = options;
  if (priorities === undefined) return usualPriorityMax(context.driver, fifo);
  if (Number.isInteger(priorities) && priorities >= 0 && priorities <= PRIORITY_LIMIT) {
    if (!fifo || priorities === 0) return priorities;
    throw new PolymqError(
      'invalid-argument',
      `${label} is fifo and has priorities, which contradict each other; leave one out`,
    );
  }
  throw new PolymqError(
    'invalid-argument',
    `priorities of ${label} is ${priorities}; give the highest one, a whole number from 0 to ${PRIORITY_LIMIT}`,
  );
}

/** Of a queue that says nothing of priorities. */
export function usualPriorityMax({ capabilities }: Driver, fifo: boolean): number {
  return capabilities.priority === false || fifo ? 0 : PRIORITY_MAX;
}

function limitOf(limit: QueueLimit | undefined, label: string): QueueLimit | undefined {
  if (limit === undefined) return undefined;
  for (const value of [limit.messages, limit.bytes]) {
    if (value === undefined || (Number.isSafeInteger(value) && value > 0)) continue;
    throw new PolymqError(
      'invalid-argument',
      `limit of ${label} is ${JSON.stringify(limit)}; give messages or bytes as whole numbers above 0`,
    );
  }
  if (limit.messages !== undefined || limit.bytes !== undefined) return limit;
  throw new PolymqError(
    'invalid-argument',
    `limit of ${label} says neither messages nor bytes; give at least one`,
  );
}

function msOr(duration: Duration | undefined, missingMs: number, what: string): number {
  return duration === undefined ? missingMs : durationMs(duration, what);
}
