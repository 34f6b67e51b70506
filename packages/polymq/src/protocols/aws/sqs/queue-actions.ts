/**
 * The actions on queues: made, found, changed, emptied, deleted, tagged. A table from names to what they do; the rules are in
 * `declare.ts`, `queue-rules.ts`, `queue-attributes.ts` and `permissions.ts`.
 */
import type { Queue } from '../../../core/queue/queue.ts';
import { formatArn } from '../arn.ts';
import type { AwsCall, AwsHandler } from '../call.ts';
import { AwsError } from '../wire/index.ts';
import type { SqsContext } from './context.ts';
import { createQueue, setAttributes, setTags } from './declare.ts';
import { SQS } from './limits.ts';
import { type Permission, withoutPermission, withPermission } from './permissions.ts';
import { type AttributeTexts, askedFor, type QueueAttributeName } from './queue-attributes.ts';
import { invalid } from './queue-rules.ts';
import { isVisible, queueNamed, queueOf, queueUrl } from './queue-url.ts';
import { effectiveAttribute, sqsQueueOf } from './sqs-queue.ts';

interface OfQueue {
  QueueUrl: string;
}
interface Page {
  MaxResults?: number;
  NextToken?: string;
}

const NOTHING: object = Object.freeze({});
const SECOND_MS = 1_000;

export class QueueActions {
  readonly #context: SqsContext;
  /** Queue name → when it was purged or deleted last, where AWS is kept to strictly. */
  readonly #purged = new Map<string, number>();
  readonly #deleted = new Map<string, number>();

  constructor(context: SqsContext) {
    this.#context = context;
  }

  readonly handlers: Readonly<Record<string, AwsHandler>> = {
    CreateQueue: (input, call) => this.#create(input, call),
    DeleteQueue: (input: OfQueue) => this.#delete(this.#queue(input)),
    GetQueueUrl: ({ QueueName }: { QueueName: string }, call) => ({
      QueueUrl: queueUrl(queueNamed(this.#context.broker, QueueName).name, call),
    }),
    ListQueues: (input: Page & { QueueNamePrefix?: string }, call) => {
      const prefix = input.QueueNamePrefix ?? '';
      const all = this.#all().filter(({ name }) => name.startsWith(prefix));
      return page(all, input, 'QueueUrls', call);
    },
    ListDeadLetterSourceQueues: (input: Page & OfQueue, call) => {
      const { name } = this.#queue(input);
      const sources = this.#all().filter(
        (queue) => sqsQueueOf(queue).redrive?.deadLetterQueue === name,
      );
      return { queueUrls: [], ...page(sources, input, 'queueUrls', call) };
    },
    GetQueueAttributes: (input: OfQueue & { AttributeNames?: string[] }, call) =>
      this.#attributes(this.#queue(input), input.AttributeNames ?? [], call),
    SetQueueAttributes: (input: OfQueue & { Attributes: AttributeTexts }) =>
      done(setAttributes(this.#context, this.#queue(input), input.Attributes)),
    PurgeQueue: (input: OfQueue) => this.#purge(this.#queue(input)),
    TagQueue: (input: OfQueue & { Tags: Record<string, string> }) => {
      const queue = this.#queue(input);
      const { tags } = sqsQueueOf(queue).declared;
      return done(setTags(this.#context, queue, { ...tags, ...input.Tags }));
    },
    UntagQueue: (input: OfQueue & { TagKeys: string[] }) => {
      const queue = this.#queue(input);
      const tags = Object.entries(sqsQueueOf(queue).declared.tags);
      const left = tags.filter(([key]) => !input.TagKeys.includes(key));
      return done(setTags(this.#context, queue, Object.fromEntries(left)));
    },
    ListQueueTags: (input: OfQueue) => {
      const { tags } = sqsQueueOf(this.#queue(input)).declared;
      return Object.keys(tags).length === 0 ? NOTHING : { Tags: tags };
    },
    AddPermission: (input: OfQueue & Permission, call) => {
      const queue = this.#queue(input);
      const policy = effectiveAttribute(queue, 'Policy') ?? '';
      const changed = withPermission(policy, arnOf(queue, call), input);
      return done(setAttributes(this.#context, queue, { Policy: changed }));
    },
    RemovePermission: (input: OfQueue & { Label: string }, call) => {
      const queue = this.#queue(input);
      const policy = effectiveAttribute(queue, 'Policy') ?? '';
      const changed = withoutPermission(policy, arnOf(queue, call), input.Label);
      return done(setAttributes(this.#context, queue, { Policy: changed }));
    },
  };

  async #create(
    input: { QueueName: string; Attributes?: AttributeTexts; tags?: Record<string, string> },
    call: AwsCall,
  ): Promise<object> {
    const { QueueName: name, Attributes = {}, tags = {} } = input;
    if (this.#isQuiet(this.#deleted, name)) {
      throw new AwsError(
        'QueueDeletedRecently',
        'You must wait 60 seconds after deleting a queue before you can create another with the same name.',
      );
    }
    const queue = await createQueue(this.#context, name, Attributes, tags);
    return { QueueUrl: queueUrl(queue.name, call) };
  }

  async #delete(queue: Queue): Promise<object> {
    await this.#context.broker.queues.delete(queue);
    this.#note(this.#deleted, queue.name);
    return NOTHING;
  }

  async #purge(queue: Queue): Promise<object> {
    if (this.#isQuiet(this.#purged, queue.name)) {
      throw new AwsError(
        'PurgeQueueInProgress',
        `Only one PurgeQueue operation on ${queue.name} is allowed every 60 seconds.`,
      );
    }
    this.#note(this.#purged, queue.name);
    await queue.purge({ all: true });
    return NOTHING;
  }

  #attributes(queue: Queue, names: readonly string[], call: AwsCall): object {
    const asked = askedFor(names);
    const attributes: Record<string, string> = {};
    for (const name of asked) {
      const value = attributeOf(queue, name as QueueAttributeName, call);
      if (value !== undefined) attributes[name] = value;
    }
    return asked.size === 0 ? NOTHING : { Attributes: attributes };
  }

  #queue(input: OfQueue): Queue {
    return queueOf(this.#context, input.QueueUrl);
  }

  /** By name. */
  #all(): Queue[] {
    const visible = this.#context.broker.queues.list('').filter(isVisible);
    return visible.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  #note(times: Map<string, number>, name: string): void {
    if (!this.#context.options.strict) return;
    const nowMs = this.#context.environment.clock.monotonicMs();
    for (const [other, atMs] of times) if (nowMs - atMs > SQS.quietMs) times.delete(other);
    times.set(name, nowMs);
  }

  #isQuiet(times: Map<string, number>, name: string): boolean {
    const atMs = times.get(name);
    if (atMs === undefined) return false;
    return this.#context.environment.clock.monotonicMs() - atMs < SQS.quietMs;
  }
}

export function arnOf({ name }: Queue, { region, accountId }: AwsCall): string {
  return formatArn({ service: 'sqs', region, accountId, resource: name });
}

function attributeOf(queue: Queue, name: QueueAttributeName, call: AwsCall): string | undefined {
  const { declared, fifo } = sqsQueueOf(queue);
  switch (name) {
    case 'QueueArn':
      return arnOf(queue, call);
    case 'CreatedTimestamp':
      return String(Math.floor(declared.createdMs / SECOND_MS));
    case 'LastModifiedTimestamp':
      return String(Math.floor(declared.modifiedMs / SECOND_MS));
    case 'ApproximateNumberOfMessages':
      return String(queue.readyCount);
    case 'ApproximateNumberOfMessagesNotVisible':
      return String(queue.leasedCount);
    case 'ApproximateNumberOfMessagesDelayed':
      return String(queue.delayedCount);
    case 'FifoQueue':
      return fifo ? 'true' : undefined;
    default:
      return effectiveAttribute(queue, name);
  }
}

async function done(change: Promise<void>): Promise<object> {
  await change;
  return NOTHING;
}

/** A page of URLs, and the token of the next one if there are more. */
function page(
  queues: readonly Queue[],
  { MaxResults: countMax, NextToken: token }: Page,
  member: string,
  call: AwsCall,
): Record<string, unknown> {
  if (countMax !== undefined && (countMax < 1 || countMax > SQS.listResultsMax)) {
    throw invalid(
      `Value ${countMax} for parameter MaxResults is invalid. Reason: MaxResults must be an integer between 1 and ${SQS.listResultsMax}.`,
    );
  }
  const after = token === undefined ? '' : Buffer.from(token, 'base64url').toString('utf8');
  const rest = queues.filter(({ name }) => name > after);
  const shown = rest.slice(0, countMax ?? SQS.listResultsMax);
  if (shown.length === 0) return {};
  const urls = { [member]: shown.map(({ name }) => queueUrl(name, call)) };
  // As AWS: without MaxResults there is one page.
  if (countMax === undefined || shown.length === rest.length) return urls;
  return { ...urls, NextToken: Buffer.from(shown.at(-1)!.name, 'utf8').toString('base64url') };
}
