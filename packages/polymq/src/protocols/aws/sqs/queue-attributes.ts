/**
 * The attributes of a queue, one row each: which values are allowed, what holds without one, and whether clients set it. They are
 * kept as the texts that clients gave; what the broker does by them is derived in `sqs-queue.ts`.
 */
import { AwsError } from '../wire/index.ts';
import { SQS } from './limits.ts';

/** Attribute name → value, both texts, as on the wire. */
export type AttributeTexts = Readonly<Record<string, string>>;

interface AttributeRow {
  /** What holds if it was never set. Missing: it is not shown then. */
  readonly fallback?: string;
  /** Whether the text is a value of this attribute. */
  readonly accepts?: (text: string) => boolean;
  /** Only FIFO queues have it. */
  readonly fifoOnly?: boolean;
  /** Set once, with CreateQueue. */
  readonly fixed?: boolean;
  /** Known only when it is asked for; clients do not set it. */
  readonly computed?: boolean;
  /** For the reference. */
  readonly doc: string;
}

const POLICY_LENGTH_MAX = 65_536;

const integer =
  (min: number, max: number) =>
  (text: string): boolean =>
    /^\d{1,10}$/.test(text) && Number(text) >= min && Number(text) <= max;
const boolean = (text: string): boolean => /^(true|false)$/i.test(text);
const oneOf =
  (...values: readonly string[]) =>
  (text: string): boolean =>
    values.includes(text);
const jsonObject = (text: string): boolean =>
  text === '' || (text.length <= POLICY_LENGTH_MAX && isObject(parseJson(text)));

export const QUEUE_ATTRIBUTES = {
  VisibilityTimeout: {
    doc: 'Seconds that a received message is invisible to others.',
    fallback: '30',
    accepts: integer(0, SQS.visibilitySecondsMax),
  },
  MaximumMessageSize: {
    doc: 'Bytes of a message with its attributes; the setting `aws.messageBytesMax` holds as well.',
    fallback: '1048576',
    accepts: integer(1_024, 16_777_216),
  },
  MessageRetentionPeriod: {
    doc: 'Seconds after which a message is dropped, also one that was there before a change.',
    fallback: '345600',
    accepts: integer(60, 1_209_600),
  },
  DelaySeconds: {
    doc: 'Seconds before a message is visible first.',
    fallback: '0',
    accepts: integer(0, SQS.delaySecondsMax),
  },
  ReceiveMessageWaitTimeSeconds: {
    doc: 'How long ReceiveMessage waits if it does not say.',
    fallback: '0',
    accepts: integer(0, SQS.waitSecondsMax),
  },
  Policy: { doc: 'Stored and shown, not enforced.', accepts: jsonObject },
  RedrivePolicy: {
    doc: 'Where messages go that were received too often; an empty text takes it away.',
    accepts: jsonObject,
  },
  RedriveAllowPolicy: {
    doc: 'Which queues may name this one as their dead-letter queue; checked when they do.',
    accepts: jsonObject,
  },
  KmsMasterKeyId: {
    doc: 'Stored and shown; nothing is encrypted by it.',
    accepts: (text) => text.length <= 2_048,
  },
  KmsDataKeyReusePeriodSeconds: { doc: 'Stored and shown.', accepts: integer(60, 86_400) },
  SqsManagedSseEnabled: { doc: 'Stored and shown.', fallback: 'true', accepts: boolean },
  FifoQueue: { doc: 'Given to CreateQueue only.', accepts: boolean, fixed: true },
  ContentBasedDeduplication: {
    doc: 'A message without a deduplication id gets the SHA-256 of its body.',
    fallback: 'false',
    accepts: boolean,
    fifoOnly: true,
  },
  DeduplicationScope: {
    doc: '`queue`, or `messageGroup`: ids hold within each group.',
    fallback: 'queue',
    accepts: oneOf('queue', 'messageGroup'),
    fifoOnly: true,
  },
  FifoThroughputLimit: {
    doc: 'Stored and shown; there is no such limit here.',
    fallback: 'perQueue',
    accepts: oneOf('perQueue', 'perMessageGroupId'),
    fifoOnly: true,
  },
  QueueArn: { doc: '', computed: true },
  CreatedTimestamp: { doc: 'Seconds.', computed: true },
  LastModifiedTimestamp: { doc: 'Seconds.', computed: true },
  ApproximateNumberOfMessages: { doc: 'Exact here, as are the next two.', computed: true },
  ApproximateNumberOfMessagesNotVisible: { doc: 'Received and not deleted.', computed: true },
  ApproximateNumberOfMessagesDelayed: { doc: '', computed: true },
} as const satisfies Readonly<Record<string, AttributeRow>>;

export type QueueAttributeName = keyof typeof QUEUE_ATTRIBUTES;

const ROWS: ReadonlyMap<string, AttributeRow> = new Map(Object.entries(QUEUE_ATTRIBUTES));

export const QUEUE_ATTRIBUTE_NAMES = [...ROWS.keys()] as readonly QueueAttributeName[];

/** The value that holds if a queue does not say. */
export function fallbackOf(name: QueueAttributeName, fifo: boolean): string | undefined {
  const { fallback, fifoOnly } = QUEUE_ATTRIBUTES[name] as AttributeRow;
  return fifoOnly && !fifo ? undefined : fallback;
}

/** Checks names and values, not what they refer to. Throws what AWS answers to wrong ones. */
export function checkAttributes(
  given: AttributeTexts,
  { fifo, creating }: { fifo: boolean; creating: boolean },
): void {
  for (const [name, text] of Object.entries(given)) {
    const row = ROWS.get(name);
    if (row === undefined || row.computed) {
      throw new AwsError('InvalidAttributeName', `Unknown Attribute ${name}.`);
    }
    if (typeof text !== 'string' || !row.accepts!(text)) {
      throw new AwsError('InvalidAttributeValue', `Invalid value for the parameter ${name}.`);
    }
    if (row.fifoOnly && !fifo) {
      throw new AwsError(
        'InvalidAttributeName',
        `You can specify the ${name} only when FifoQueue is set to true.`,
      );
    }
    if (row.fixed && !creating) {
      throw new AwsError(
        'InvalidAttributeName',
        `${name} can be set only when the queue is created.`,
      );
    }
  }
}

/** The names to show, of those asked for. Throws for one that does not exist. */
export function askedFor(names: readonly string[]): ReadonlySet<string> {
  for (const name of names) {
    if (name !== 'All' && !ROWS.has(name)) {
      throw new AwsError('InvalidAttributeName', `Unknown Attribute ${name}.`);
    }
  }
  return new Set(names.includes('All') ? QUEUE_ATTRIBUTE_NAMES : names);
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
