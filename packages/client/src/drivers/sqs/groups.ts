/** What orders and tells apart messages in FIFO queues and topics. */
import { createHash } from 'node:crypto';
import type { WireMessage } from '../../message/wire-message.ts';

/** What a group or deduplication id may consist of. */
const ID = /^[A-Za-z0-9!-/:-@[-`{-~]{1,128}$/;

/** A message without a key waits for no other: it is a group of its own. */
export function groupOf(message: WireMessage): string {
  return idOf(message.key ?? message.id);
}

/** A text that is no id of SQS is replaced by its hash, which is as good for comparing. */
export function idOf(text: string): string {
  return ID.test(text) ? text : createHash('sha256').update(text).digest('hex');
}

/** Which of `count` lanes keeps the order of the group. */
export function laneOf(group: string, count: number): number {
  if (count === 1) return 0;
  let hash = 0;
  for (let i = 0; i < group.length; i++) hash = (hash * 31 + group.charCodeAt(i)) | 0;
  return Math.abs(hash) % count;
}
