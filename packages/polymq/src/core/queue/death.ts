/**
 * What becomes of a message that dies in a queue: the draft of its dead letter. Properties and body stay as they are; history,
 * names and the time to live are set anew.
 */
import { addDeath, type DeathReason, type DeathRecord, readHistory } from '../message/history.ts';
import type { MessageView } from '../message/message-bytes.ts';
import type { MessageDraft } from '../message/message-draft.ts';
import type { MessageWishes } from '../message/message-format.ts';
import type { QueueSettings } from './queue-definition.ts';

export type ReadWishes = (format: number, properties: Buffer) => MessageWishes;

export interface Death {
  queue: string;
  reason: DeathReason;
  nowMs: number;
}

/** Where a dead letter goes. */
export interface DeadLetterAddress {
  exchange: string;
  routingKeys: readonly string[];
}

/** Makes `draft` the dead letter of the message in `view`; valid as long as the view's memory is. */
export function draftDeadLetter(
  draft: MessageDraft,
  view: MessageView,
  death: Death,
  settings: QueueSettings,
  wishes: MessageWishes,
): DeadLetterAddress {
  const { exchange, routingKey } = view;
  const routingKeys = [routingKey, ...(wishes.copies ?? [])];
  const earlier = view.hasHistory ? readHistory(view.historyJson) : [];
  // The time to live that its properties still name was taken off when it died first.
  const ttlMs = view.hasHistory ? undefined : wishes.ttlMs;
  draft.format = view.format;
  draft.persistent = view.persistent;
  draft.publishedMs = view.publishedMs;
  draft.content = view.buffer;
  draft.contentStart = view.propertiesStart;
  draft.contentEnd = view.end;
  draft.propertiesBytes = view.bodyStart - view.propertiesStart;
  draft.more = [];
  draft.history = withDeath(earlier, death, { exchange, routingKeys, ttlMs });
  return address(draft, settings, routingKeys);
}

/** Makes `draft` the dead letter of a message that was refused; valid as long as `refused` is. */
export function draftRefused(
  draft: MessageDraft,
  refused: MessageDraft,
  death: Death,
  settings: QueueSettings,
  wishes: MessageWishes,
): DeadLetterAddress {
  const keyAt = refused.namesStart + 1 + refused.names[refused.namesStart]!;
  const exchange = refused.names.toString('utf8', refused.namesStart + 1, keyAt);
  const routingKey = refused.names.toString('utf8', keyAt + 1, refused.namesEnd);
  const routingKeys = [routingKey, ...(wishes.copies ?? [])];
  const ttlMs = wishes.ttlMs ?? (refused.ttlMs < 0 ? undefined : refused.ttlMs);
  draft.format = refused.format;
  draft.persistent = refused.persistent;
  draft.publishedMs = refused.publishedMs;
  draft.priority = refused.priority;
  draft.groupId = refused.groupId;
  draft.content = refused.content;
  draft.contentStart = refused.contentStart;
  draft.contentEnd = refused.contentEnd;
  draft.propertiesBytes = refused.propertiesBytes;
  draft.more = refused.more;
  draft.history = withDeath(refused.history ?? [], death, { exchange, routingKeys, ttlMs });
  return address(draft, settings, routingKeys);
}

/**
 * Whether a dead letter with this history, newest first, has been in the queue before without anybody having rejected
 * it since: then nobody looks at it, and it would go round for ever.
 */
export function isCycle(queue: string, history: readonly DeathRecord[]): boolean {
  for (const record of history) {
    if (record.reason === 'rejected') return false;
    if (record.queue === queue) return true;
  }
  return false;
}

function withDeath(
  earlier: readonly DeathRecord[],
  { queue, reason, nowMs }: Death,
  message: { exchange: string; routingKeys: readonly string[]; ttlMs: number | undefined },
): DeathRecord[] {
  const { exchange, routingKeys, ttlMs } = message;
  const own = ttlMs === undefined ? {} : { ttlMs };
  return addDeath(earlier, { queue, reason, firstMs: nowMs, exchange, routingKeys, ...own });
}

function address(
  draft: MessageDraft,
  settings: QueueSettings,
  own: readonly string[],
): DeadLetterAddress {
  const exchange = settings.deadLetterExchange ?? '';
  const { deadLetterRoutingKey } = settings;
  const routingKeys = deadLetterRoutingKey === undefined ? own : [deadLetterRoutingKey];
  draft.setNames(exchange, routingKeys[0] ?? '');
  return { exchange, routingKeys };
}
