/**
 * CreateQueue and what changes a queue that exists. The declaration in the core is the only place where attributes and tags are: they
 * are checked here, derived into settings of the core, and stored with the queue in one command, so nothing is half done.
 */
import { BrokerError } from '../../../core/errors.ts';
import type { Queue } from '../../../core/queue/queue.ts';
import type { DeclaredValues, QueueDefinition } from '../../../core/queue/queue-definition.ts';
import { AwsError } from '../wire/index.ts';
import type { SqsContext } from './context.ts';
import { SQS } from './limits.ts';
import {
  type AttributeTexts,
  checkAttributes,
  type QueueAttributeName,
} from './queue-attributes.ts';
import { checkPolicies, checkQueueName, invalid } from './queue-rules.ts';
import { isVisible } from './queue-url.ts';
import { effectiveAttribute, type SqsDeclared, settingsAfter, sqsQueueOf } from './sqs-queue.ts';

type Tags = Readonly<Record<string, string>>;

const TAG_KEY_LENGTH_MAX = 128;
const TAG_VALUE_LENGTH_MAX = 256;

/** The queue of that name: an existing one if it has these attributes, else a new one. Durable when it resolves. */
export async function createQueue(
  context: SqsContext,
  name: string,
  given: AttributeTexts,
  tags: Tags,
): Promise<Queue> {
  const fifo = checkQueueName(name, given);
  checkAttributes(given, { fifo, creating: true });
  checkThroughput(given['FifoThroughputLimit'], given['DeduplicationScope']);
  checkPolicies(context, name, fifo, given);
  checkTags(context, tags);
  const { queues } = context.broker;
  const known = queues.get('', name);
  if (known !== undefined) return sameQueue(known, given);
  try {
    const queue = await queues.declare('', name, definitionOf(context, fifo, given, tags));
    await context.topics.queueCreated(queue);
    return queue;
  } catch (error: unknown) {
    // Somebody else was faster.
    const other = queues.get('', name);
    if (other === undefined || !(error instanceof BrokerError) || error.code !== 'queue-exists') {
      throw error;
    }
    return sameQueue(other, given);
  }
}

/** Sets attributes of a queue. An empty text takes a policy away. */
export async function setAttributes(
  context: SqsContext,
  queue: Queue,
  given: AttributeTexts,
): Promise<void> {
  const { fifo, declared } = sqsQueueOf(queue);
  checkAttributes(given, { fifo, creating: false });
  checkPolicies(context, queue.name, fifo, given);
  const attributes = { ...declared.attributes, ...given };
  checkThroughput(attributes['FifoThroughputLimit'], attributes['DeduplicationScope']);
  await change(context, queue, { ...declared, attributes }, given);
}

export async function setTags(context: SqsContext, queue: Queue, tags: Tags): Promise<void> {
  checkTags(context, tags);
  await change(context, queue, { ...sqsQueueOf(queue).declared, tags }, {});
}

async function change(
  context: SqsContext,
  queue: Queue,
  declared: SqsDeclared,
  given: AttributeTexts,
): Promise<void> {
  const { definition } = queue;
  const nowMs = context.environment.clock.nowMs();
  const sqs: SqsDeclared = {
    ...declared,
    createdMs: declared.createdMs === 0 ? nowMs : declared.createdMs,
    modifiedMs: nowMs,
  };
  await context.broker.queues.alter(queue, {
    settings: settingsAfter(definition.settings, given, false),
    declared: { ...definition.declared, sqs: sqs as unknown as DeclaredValues },
  });
}

function definitionOf(
  { environment }: SqsContext,
  fifo: boolean,
  attributes: AttributeTexts,
  tags: Tags,
): QueueDefinition {
  const nowMs = environment.clock.nowMs();
  const sqs: SqsDeclared = { attributes, tags, createdMs: nowMs, modifiedMs: nowMs };
  return {
    durable: true,
    autoDelete: false,
    exclusive: false,
    settings: settingsAfter({ groups: fifo ? true : 'fair' }, attributes, true),
    declared: { sqs: sqs as unknown as DeclaredValues },
  };
}

/** Creating again is fine if what is asked for is what there is. */
function sameQueue(queue: Queue, given: AttributeTexts): Queue {
  if (!isVisible(queue)) {
    throw new AwsError(
      'QueueNameExists',
      `The name ${queue.name} belongs to a queue of another connection.`,
    );
  }
  for (const [name, text] of Object.entries(given)) {
    const now =
      name === 'FifoQueue'
        ? String(sqsQueueOf(queue).fifo)
        : effectiveAttribute(queue, name as QueueAttributeName);
    if (sameText(name, now ?? '', text)) continue;
    throw new AwsError(
      'QueueNameExists',
      `A queue already exists with the same name and a different value for attribute ${name}`,
    );
  }
  return queue;
}

/** Policies may be written in more than one way. */
function sameText(name: string, now: string, asked: string): boolean {
  if (now.toLowerCase() === asked.toLowerCase()) return true;
  if (!/Policy$/.test(name) || now === '' || asked === '') return false;
  return canonical(now) === canonical(asked);
}

function canonical(text: string): string {
  return JSON.stringify(sorted(JSON.parse(text)));
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return String(value);
  const entries = Object.entries(value).map(([key, item]) => [key, sorted(item)] as const);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function checkThroughput(limit: string | undefined, scope: string | undefined): void {
  if (limit !== 'perMessageGroupId' || scope === 'messageGroup') return;
  throw new AwsError(
    'InvalidAttributeValue',
    'Invalid value for the parameter FifoThroughputLimit. Reason: The value perMessageGroupId is allowed only when the value for DeduplicationScope is messageGroup.',
  );
}

function checkTags({ options }: SqsContext, tags: Tags): void {
  const entries = Object.entries(tags);
  // Also without `strict`: the declaration has to fit into a record.
  const countMax = options.strict ? SQS.tagsMax : SQS.tagsMax * 10;
  if (entries.length > countMax)
    throw invalid(`Too many tags added for queue: ${countMax} are allowed.`);
  for (const [key, value] of entries) {
    if (key.length === 0 || key.length > TAG_KEY_LENGTH_MAX) {
      throw invalid(`Tag keys must be between 1 and ${TAG_KEY_LENGTH_MAX} characters in length.`);
    }
    if (value.length > TAG_VALUE_LENGTH_MAX) {
      throw invalid(
        `Tag values must be between 0 and ${TAG_VALUE_LENGTH_MAX} characters in length.`,
      );
    }
  }
}
