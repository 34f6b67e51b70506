/**
 * A queue of the core as SQS sees it. What SQS alone knows of it (its attributes as texts, its tags, when it was made) stands in
 * `definition.declared.sqs`; a queue that another protocol has declared has nothing there, and SQS's defaults hold.
 */
import type { Queue } from '../../../core/queue/queue.ts';
import type { QueueDefinition, QueueSettings } from '../../../core/queue/queue-definition.ts';
import { type AttributeTexts, fallbackOf, isObject, parseJson } from './queue-attributes.ts';

/** What is stored with the declaration. */
export interface SqsDeclared {
  attributes: AttributeTexts;
  tags: Readonly<Record<string, string>>;
  createdMs: number;
  modifiedMs: number;
}

export interface RedrivePolicy {
  deadLetterQueue: string;
  receiveMax: number;
}

/** What handlers need again and again. Derived once per declaration. */
export interface SqsQueue {
  readonly declared: SqsDeclared;
  readonly fifo: boolean;
  readonly visibilityMs: number;
  readonly delayMs: number;
  readonly waitMs: number;
  readonly messageBytesMax: number;
  readonly contentBasedDeduplication: boolean;
  /** Deduplication ids hold within a message group only. */
  readonly deduplicatesPerGroup: boolean;
  readonly redrive: RedrivePolicy | undefined;
  /** Exchange and routing key of what is sent to it. */
  readonly names: Buffer;
}

const NEVER: SqsDeclared = { attributes: {}, tags: {}, createdMs: 0, modifiedMs: 0 };
const SECOND_MS = 1_000;
const DAYS_14_S = 1_209_600;

/** A definition is replaced, never changed, so what was derived from it holds as long as it does. */
const derived = new WeakMap<QueueDefinition, SqsQueue>();

export function sqsQueueOf(queue: Queue): SqsQueue {
  const { definition } = queue;
  const known = derived.get(definition);
  if (known !== undefined) return known;
  const made = derive(queue);
  derived.set(definition, made);
  return made;
}

/** The texts that hold, set or not. */
export function effectiveAttribute(
  queue: Queue,
  name: Parameters<typeof fallbackOf>[0],
): string | undefined {
  const { declared, fifo } = sqsQueueOf(queue);
  const set = declared.attributes[name];
  if (set !== undefined) return set === '' ? undefined : set;
  const { settings } = queue.definition;
  // Another protocol may have declared it with another time to live, or none.
  if (name === 'MessageRetentionPeriod') {
    const { messageTtlMs } = settings;
    return String(messageTtlMs === undefined ? DAYS_14_S : Math.ceil(messageTtlMs / SECOND_MS));
  }
  return fallbackOf(name, fifo);
}

/** The settings of the core after these attributes were given. Others stay as they are. */
export function settingsAfter(
  current: QueueSettings,
  given: AttributeTexts,
  creating: boolean,
): QueueSettings {
  const settings: QueueSettings = { ...current };
  const { MessageRetentionPeriod: retention, DelaySeconds: delay, RedrivePolicy: redrive } = given;
  if (retention !== undefined || creating) {
    settings.messageTtlMs =
      Number(retention ?? fallbackOf('MessageRetentionPeriod', false)) * SECOND_MS;
  }
  if (delay !== undefined) {
    if (Number(delay) > 0) settings.delayMs = Number(delay) * SECOND_MS;
    else delete settings.delayMs;
  }
  if (redrive === undefined) return settings;
  const policy = parseRedrivePolicy(redrive);
  delete settings.deadLetterExchange;
  delete settings.deadLetterRoutingKey;
  delete settings.receiveMax;
  delete settings.deadLetterReasons;
  if (policy === undefined) return settings;
  return {
    ...settings,
    deadLetterExchange: '',
    deadLetterRoutingKey: policy.deadLetterQueue,
    receiveMax: policy.receiveMax,
    deadLetterReasons: ['rejected', 'delivery_limit'],
  };
}

/** `{"deadLetterTargetArn":"…","maxReceiveCount":3}`, whose values were checked; undefined for none. */
export function parseRedrivePolicy(text: string | undefined): RedrivePolicy | undefined {
  const policy = text === undefined ? undefined : parseJson(text);
  if (!isObject(policy)) return undefined;
  const { deadLetterTargetArn, maxReceiveCount } = policy;
  if (typeof deadLetterTargetArn !== 'string') return undefined;
  const deadLetterQueue = deadLetterTargetArn.split(':').at(-1)!;
  return { deadLetterQueue, receiveMax: Number(maxReceiveCount) };
}

export function isFifoName(name: string): boolean {
  return name.endsWith('.fifo');
}

function derive(queue: Queue): SqsQueue {
  const { definition, name } = queue;
  const stored = definition.declared['sqs'];
  const declared = isObject(stored) ? (stored as unknown as SqsDeclared) : NEVER;
  const { attributes } = declared;
  const fifo = definition.settings.groups === true;
  const text = (attribute: Parameters<typeof fallbackOf>[0]): string =>
    attributes[attribute] ?? fallbackOf(attribute, fifo) ?? '';
  const key = Buffer.from(name, 'utf8');
  return {
    declared,
    fifo,
    visibilityMs: Number(text('VisibilityTimeout')) * SECOND_MS,
    delayMs: definition.settings.delayMs ?? 0,
    waitMs: Number(text('ReceiveMessageWaitTimeSeconds')) * SECOND_MS,
    messageBytesMax: Number(text('MaximumMessageSize')),
    contentBasedDeduplication: text('ContentBasedDeduplication').toLowerCase() === 'true',
    deduplicatesPerGroup: text('DeduplicationScope') === 'messageGroup',
    redrive: parseRedrivePolicy(attributes['RedrivePolicy']),
    names: Buffer.concat([Buffer.of(0, key.length), key]),
  };
}
