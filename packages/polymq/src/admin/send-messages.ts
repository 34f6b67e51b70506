/**
 * Puts messages into a queue that came over HTTP, as `@polymq/client` puts them in the broker's own process: the same properties,
 * the same groups, the same window in which an id is known. All of one request are put in one turn, and answered when
 * they are on disk.
 */
import type { Broker } from '../core/broker.ts';
import { BrokerError, type BrokerErrorCode } from '../core/errors.ts';
import { MessageDraft } from '../core/message/message-draft.ts';
import { groupOfKey, KEY_HEADER } from '../core/message/message-group.ts';
import { NEUTRAL_FORMAT_ID } from '../core/message/neutral-format.ts';
import { NeutralOutput } from '../core/message/neutral-output.ts';
import { writeTextProperties } from '../core/message/text-properties.ts';
import { queueDedupScope } from '../core/queue/dedup.ts';
import type { Queue } from '../core/queue/queue.ts';
import type { Clock } from '../lib/environment/clock.ts';
import { isCount, optionalText, refused, type TextMessage, textMessageOf } from './text-message.ts';

/** In one request. */
const SENT_MAX = 1_000;
const DEDUPE_LENGTH_MAX = 1_024;
const PRIORITY_MAX = 255;
/** Ten years. */
const MS_MAX = 315_360_000_000;
/** With more than this on its way to the disk, who sends waits until it is there. */
const UNCOMMITTED_BYTES_MAX = 64 << 20;

interface MessageToSend extends TextMessage {
  readonly key: string | undefined;
  readonly dedupe: string | undefined;
  readonly priority: number | undefined;
  readonly delayMs: number | undefined;
  readonly ttlMs: number | undefined;
}

interface Sent {
  readonly id: string;
  /** The queue has had a message with the same `dedupe` within the window. */
  readonly duplicate?: boolean;
  readonly error?: { readonly code: 'queue-full' | BrokerErrorCode; readonly message: string };
}

export type SendingCore = Pick<Broker, 'queues' | 'dedup'>;

/** Throws `invalid-request` if one of them is malformed: then none is sent. */
export function messagesToSend(body: unknown): MessageToSend[] {
  const { messages } = (body ?? {}) as Record<string, unknown>;
  if (!Array.isArray(messages) || messages.length < 1 || messages.length > SENT_MAX) {
    throw refused(`"messages" must be a list of 1 to ${SENT_MAX} messages`);
  }
  return messages.map(messageOf);
}

function messageOf(value: unknown): MessageToSend {
  const fields = (value ?? {}) as Record<string, unknown>;
  const dedupe = optionalText(fields, 'dedupe');
  if (dedupe !== undefined && dedupe.length > DEDUPE_LENGTH_MAX) {
    throw refused(`"dedupe" must be a text of at most ${DEDUPE_LENGTH_MAX} characters`);
  }
  return {
    ...textMessageOf(fields),
    dedupe,
    key: optionalText(fields, 'key'),
    priority: optionalCount(fields, 'priority', PRIORITY_MAX),
    delayMs: optionalCount(fields, 'delayMs', MS_MAX),
    ttlMs: optionalCount(fields, 'ttlMs', MS_MAX),
  };
}

function optionalCount(
  fields: Readonly<Record<string, unknown>>,
  name: string,
  max: number,
): number | undefined {
  const value = fields[name];
  if (value === undefined) return undefined;
  if (isCount(value) && value <= max) return value;
  throw refused(`"${name}" must be a whole number from 0 to ${max}`);
}

/** What became of each; resolves when all that were stored are durable. */
export async function sendMessages(
  broker: SendingCore,
  { queue, messages, clock }: { queue: Queue; messages: readonly MessageToSend[]; clock: Clock },
): Promise<Sent[]> {
  const { store } = broker.queues;
  if (store.uncommittedBytes > UNCOMMITTED_BYTES_MAX) await store.whenCommitted(store.position);
  const draft = new MessageDraft();
  draft.setNames('', queue.name);
  const nowMs = clock.nowMs();
  const sent = messages.map((message) => {
    fill(draft, message, { queue, nowMs });
    return send(broker, queue, message, draft);
  });
  await store.whenCommitted(store.position);
  return sent;
}

function send(
  broker: SendingCore,
  queue: Queue,
  { id, dedupe }: MessageToSend,
  draft: MessageDraft,
): Sent {
  const { queues, dedup } = broker;
  const scope = queueDedupScope(queue.id);
  try {
    if (dedupe === undefined)
      return queues.publish(draft, [queue]) === 0 ? ok(id) : full(id, queue);
    if (dedup.find(scope, dedupe) !== undefined) return { id, duplicate: true };
    const number = dedup.nextNumber();
    if (queues.publish(draft, [queue]) > 0) return full(id, queue);
    dedup.remember(scope, dedupe, number);
    return ok(id);
  } catch (error: unknown) {
    if (!(error instanceof BrokerError)) throw error;
    return { id, error: { code: error.code, message: error.message } };
  }
}

function fill(
  draft: MessageDraft,
  message: MessageToSend,
  { queue, nowMs }: { queue: Queue; nowMs: number },
): void {
  const { key, priority, delayMs, ttlMs, timestampMs } = message;
  OUTPUT.start();
  writeTextProperties(OUTPUT, { ...message, timestampMs: timestampMs ?? nowMs }, KEY_HEADER);
  draft.format = NEUTRAL_FORMAT_ID;
  draft.persistent = true;
  draft.priority = priority ?? 0;
  draft.publishedMs = nowMs;
  draft.dueMs = delayMs === undefined || delayMs === 0 ? 0 : nowMs + delayMs;
  draft.ttlMs = ttlMs ?? -1;
  draft.groupId = queue.definition.settings.groups === true ? groupOfKey(key) : undefined;
  draft.setContent(OUTPUT.finish(), message.body);
}

const OUTPUT: NeutralOutput = new NeutralOutput();

function ok(id: string): Sent {
  return { id, duplicate: false };
}

function full(id: string, { name, readyCount }: Queue): Sent {
  const text = `queue "${name}" is full with ${readyCount} messages; send again when some were consumed, or raise its limit`;
  return { id, error: { code: 'queue-full', message: text } };
}
