/** Which message group a message belongs to, of queues that have groups: that of its key, which stands in a header. */
import { hash } from 'node:crypto';
import type { MessageDraft } from './message-draft.ts';
import type { MessageFormats } from './message-formats.ts';

/** The header that carries the key of a message, for those whose properties have no field for it. */
export const KEY_HEADER = 'polymq-key';

/** A group id is kept and journaled with each message; longer keys are known by their hash. */
const GROUP_LENGTH_MAX = 1024;

/** The group of the messages with that key; those without a key belong to none. */
export function groupOfKey(key: string | undefined): string | undefined {
  if (key === undefined || key.length === 0) return undefined;
  return key.length <= GROUP_LENGTH_MAX ? key : hash('sha256', key, 'base64url');
}

/** Reads the headers, which takes its time: for queues with groups only. */
export function groupOfDraft(formats: MessageFormats, draft: MessageDraft): string | undefined {
  const { content, contentStart, propertiesBytes } = draft;
  const properties = content.subarray(contentStart, contentStart + propertiesBytes);
  const key = formats.headersOf(draft.format, properties).get(KEY_HEADER);
  if (Buffer.isBuffer(key)) return groupOfKey(key.toString('utf8'));
  return typeof key === 'string' ? groupOfKey(key) : undefined;
}
