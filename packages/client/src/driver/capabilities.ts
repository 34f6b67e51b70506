/**
 * What an engine can do. A driver says for each capability how it is done, or `false`. What is `false` is refused with
 * an `UnsupportedError`, as early as it is known; nothing is ever dropped silently.
 */
interface CapabilityRow {
  /** For `docs/reference/sdk-capabilities.md`. */
  doc: string;
  /** What to do instead, for the error. */
  advice: string;
}

export const CAPABILITIES = {
  queue: {
    doc: 'Queues: each message to one consumer, with ack, nack, retries and dead letters.',
    advice: 'use a topic, or connect queues to another engine with connect({ queues, topics })',
  },
  delay: {
    doc: 'Messages that are delivered later (`delay`).',
    advice: 'leave out `delay`, or use an engine that has it',
  },
  priority: {
    doc: 'Messages that overtake others (`priority`).',
    advice: 'use one queue per priority',
  },
  fifo: {
    doc: 'Order per key, one message of a key at a time (`fifo`).',
    advice: 'use a topic with a group, or an engine that has it',
  },
  dedupe: {
    doc: 'A window in which a message with the same id is stored once (`dedupe`).',
    advice: 'make the handler idempotent: idempotent(handler, …)',
  },
  ttl: {
    doc: 'Messages that expire in a queue (`ttl`).',
    advice: 'compare `message.timestamp` in the handler',
  },
  limit: {
    doc: 'Queues of a limited length (`limit`).',
    advice: 'limit the producer: rateLimit(…)',
  },
  'drop-lowest-priority': {
    doc: 'Full queues that drop the least important message (`limit.overflow`).',
    advice: 'use drop-oldest or reject',
  },
  peek: {
    doc: 'Looking at waiting messages (`deadLetters.list`).',
    advice: 'receive them and give them back',
  },
  topic: {
    doc: 'Topics: every subscriber gets a copy.',
    advice: 'use a queue per subscriber, or connect topics to another engine',
  },
  live: {
    doc: 'Topics that store nothing, for readers that are connected (`live`).',
    advice: 'use a stored topic and subscribe from "new"',
  },
  group: {
    doc: 'Consumer groups: the members share the records, in order per key.',
    advice: 'bind a queue to the topic: fanout(topic).to(queue)',
  },
  replay: {
    doc: 'Reading a topic again from the beginning, a time or an offset.',
    advice: 'subscribe from "new", or use an engine that stores topics',
  },
  fanout: {
    doc: 'Queues that get a copy of everything published to a topic.',
    advice: 'subscribe and send to the queues',
  },
  'request-reply': {
    doc: 'Requests with an answer (`service`).',
    advice: 'use an engine that has it',
  },
  'event-log': {
    doc: 'Streams of events with an expected version (`eventStore`).',
    advice: 'give the event store a database: eventStore(mq, { db })',
  },
  transaction: {
    doc: 'Sends and acks that take effect together or not at all.',
    advice: 'use the outbox and an idempotent handler',
  },
  'manual-clock': {
    doc: 'Time that a test moves.',
    advice: "use embed({ data: 'memory:', clock: 'manual' })",
  },
} as const satisfies Record<string, CapabilityRow>;

export type Capability = keyof typeof CAPABILITIES;

/** Per capability how the engine does it in a few words (`native`), or `false`. */
export type Capabilities = Readonly<Record<Capability, string | false>>;
