/** The options of a topic with their defaults, checked against what the engine can do. */
import type { Capability } from '../driver/capabilities.ts';
import type { ClientContext } from '../driver/client-context.ts';
import type { TopicDriver, TopicSpec } from '../driver/driver.ts';
import { requireCapability, unsupported } from '../driver/require-capability.ts';
import { PolymqError } from '../errors.ts';
import { durationMs } from '../lib/duration.ts';
import { checkOptions } from '../lib/known-options.ts';
import { type StoredErrors, storedErrorsOf } from '../message/attempts.ts';
import { type Contracts, contractsOf } from '../message/contracts.ts';
import type { Interceptor, Place } from '../message/interceptor.ts';
import { TOPIC_OPTIONS } from './option-names.ts';
import type { TopicOptions } from './topic.ts';

/** Everything that the parts of one topic have to know. */
export interface TopicPlan {
  readonly name: string;
  /** For errors: `topic "orders"`. */
  readonly label: string;
  readonly context: ClientContext;
  readonly topics: TopicDriver;
  readonly place: Place;
  readonly spec: TopicSpec;
  /** `false`: it exists already. */
  readonly declare: boolean;
  /** How errors of attempts are kept in headers. */
  readonly storedErrors: StoredErrors;
  readonly contracts: Contracts | undefined;
  readonly interceptors: readonly Interceptor[];
}

export function planTopic(context: ClientContext, name: string, options: TopicOptions): TopicPlan {
  const label = `topic "${name}"`;
  if (name === '') throw new PolymqError('invalid-argument', 'a topic needs a name that is not ""');
  checkOptions(options, TOPIC_OPTIONS, label);
  const { driver } = context;
  for (const capability of neededBy(options)) requireCapability(driver, capability);
  const { topics } = driver;
  const interceptors = [...context.interceptors, ...(options.interceptors ?? [])];
  if (topics === undefined) throw unsupported(driver, 'topic');
  return {
    name,
    label,
    context,
    topics,
    place: { kind: 'topic', name, engine: driver.engine, system: driver.system },
    spec: specOf(name, label, options),
    declare: options.declare ?? true,
    contracts: contractsOf(label, options.contract),
    interceptors,
    storedErrors: storedErrorsOf(options.storedErrors, interceptors, label),
  };
}

function specOf(name: string, label: string, options: TopicOptions): TopicSpec {
  const { partitions, retention, live = false } = options;
  if (partitions !== undefined && !(Number.isSafeInteger(partitions) && partitions > 0)) {
    throw new PolymqError(
      'invalid-argument',
      `partitions of ${label} is ${partitions}; give a whole number above 0`,
    );
  }
  const retentionMs =
    retention === undefined ? undefined : durationMs(retention, `retention of ${label}`);
  return { name, partitions, retentionMs, live };
}

function* neededBy(options: TopicOptions): Generator<Capability> {
  yield 'topic';
  if (options.live === true) yield 'live';
  yield* options.requires ?? [];
}
