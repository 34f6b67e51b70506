/** A message of a queue as JSON: the neutral form that all protocols understand, the body in base64. */

import { readHistory } from '../core/message/history.ts';
import type { MessageView } from '../core/message/message-bytes.ts';
import type { MessageFormats } from '../core/message/message-formats.ts';
import type { NeutralValue } from '../core/message/neutral-message.ts';
import type { Queue } from '../core/queue/queue.ts';

export interface MessageJson {
  /** Names the message in this queue until the broker stops, for `move`. */
  id: string;
  [name: string]: unknown;
}

/** The id of a message in its queue: where it is, and its number. */
export function messageIdOf(queue: Queue, row: number): string {
  return `${row}-${queue.seq(row)}`;
}

export function messageJson(
  queue: Queue,
  row: number,
  view: MessageView,
  formats: MessageFormats,
): MessageJson {
  const { headers, key, ...properties } = formats.neutralOf(view);
  return {
    id: messageIdOf(queue, row),
    ...properties,
    headers: Object.fromEntries(headers.map(({ name, value }) => [name, plain(value)])),
    key: key?.toString('base64'),
    publishedMs: view.publishedMs,
    exchange: view.exchange,
    routingKey: view.routingKey,
    attempts: queue.attempts(row),
    groupId: queue.groupIdOf(row),
    deaths: view.hasHistory ? readHistory(view.historyJson) : [],
    body: view.body.toString('base64'),
  };
}

/** A header's value in JSON: bytes as UTF-8 if they are that, else `{ "base64": … }`; big integers as text. */
function plain(value: NeutralValue): unknown {
  if (typeof value === 'bigint') return String(value);
  if (value === null || typeof value !== 'object') return value;
  if (Buffer.isBuffer(value)) {
    const text = value.toString('utf8');
    return Buffer.from(text).equals(value) ? text : { base64: value.toString('base64') };
  }
  if (Array.isArray(value)) return value.map((each: NeutralValue) => plain(each));
  const entries = Object.entries(value as Record<string, NeutralValue>);
  return Object.fromEntries(entries.map(([name, each]) => [name, plain(each)]));
}
