/**
 * A message on its way in: where its parts lie in the memory of the reader. A session fills one draft again and
 * again; whoever takes it copies what it needs before it returns (`writeMessage`).
 */
import { Copier } from '../../lib/bytes/copier.ts';
import { type DeathRecord, writeHistory } from './history.ts';
import { MESSAGE_AT, MESSAGE_FLAG, shortNames } from './message-bytes.ts';

const EMPTY: Buffer = Buffer.alloc(0);

export class MessageDraft {
  /** Who wrote the properties (`message-format.ts`). */
  format = 0;
  /** Asks to survive a restart, where the queue does. */
  persistent = false;
  /** 0 is the lowest. */
  priority = 0;
  publishedMs = 0;
  /** How long the message may wait in a queue, in ms; -1: for ever. */
  ttlMs = -1;
  /** When it becomes visible, ms since the epoch; 0: at once. */
  dueMs = 0;
  /** Messages of one group are delivered one after the other, in order. */
  groupId: string | undefined = undefined;
  /** It comes back to its queue in another form: a queue that is full does not refuse it. */
  returning = false;
  /** What killed it before, newest first. */
  history: readonly DeathRecord[] | undefined = undefined;
  /** Exchange and routing key, each behind its length byte: `names[namesStart, namesEnd)`. */
  names: Buffer = EMPTY;
  namesStart = 0;
  namesEnd = 0;
  /** Properties and, right behind them, the body or its beginning: `content[contentStart, contentEnd)`. */
  content: Buffer = EMPTY;
  contentStart = 0;
  contentEnd = 0;
  propertiesBytes = 0;
  /** The rest of the body. */
  more: readonly Buffer[] = [];

  /** Forgets the buffers, so that a quiet session keeps none alive. */
  clear(): void {
    this.names = EMPTY;
    this.content = EMPTY;
    this.more = [];
    this.history = undefined;
    this.groupId = undefined;
    this.returning = false;
  }

  get bodyBytes(): number {
    let bytes = this.contentEnd - this.contentStart - this.propertiesBytes;
    for (const piece of this.more) bytes += piece.length;
    return bytes;
  }

  setNames(exchange: string, routingKey: string): void {
    this.names = shortNames(exchange, routingKey);
    this.namesStart = 0;
    this.namesEnd = this.names.length;
  }

  setContent(properties: Buffer, body: Buffer): void {
    this.content = properties;
    this.contentStart = 0;
    this.contentEnd = properties.length;
    this.propertiesBytes = properties.length;
    this.more = [body];
  }
}

/** The history as it will be written; undefined if there is none. Made once per message. */
export function encodedHistory(draft: MessageDraft): Buffer | undefined {
  return draft.history === undefined ? undefined : writeHistory(draft.history);
}

/** How many bytes `writeMessage` will write. */
export function messageBytes(draft: MessageDraft, history: Buffer | undefined): number {
  let bytes =
    MESSAGE_AT.exchange +
    (draft.namesEnd - draft.namesStart) +
    4 +
    (draft.contentEnd - draft.contentStart);
  if (history !== undefined) bytes += 4 + history.length;
  for (const piece of draft.more) bytes += piece.length;
  return bytes;
}

/** Writes the message (layout in `message-bytes.ts`) at `at`, and returns where it ends. */
export function writeMessage(
  draft: MessageDraft,
  history: Buffer | undefined,
  target: Buffer,
  at: number,
): number {
  target[at + MESSAGE_AT.format] = draft.format;
  target[at + MESSAGE_AT.flags] =
    (history === undefined ? 0 : MESSAGE_FLAG.history) |
    (draft.persistent ? MESSAGE_FLAG.persistent : 0);
  target.writeDoubleBE(draft.publishedMs, at + MESSAGE_AT.published);
  let end = at + MESSAGE_AT.exchange;
  end = copier.copy(draft.names, draft.namesStart, draft.namesEnd, target, end);
  if (history !== undefined) {
    end = writeUint32(target, history.length, end);
    end += history.copy(target, end);
  }
  end = writeUint32(target, draft.propertiesBytes, end);
  end = copier.copy(draft.content, draft.contentStart, draft.contentEnd, target, end);
  for (const piece of draft.more) end += piece.copy(target, end);
  return end;
}

const copier = new Copier();

function writeUint32(target: Buffer, value: number, at: number): number {
  target[at] = value >>> 24;
  target[at + 1] = value >>> 16;
  target[at + 2] = value >>> 8;
  target[at + 3] = value;
  return at + 4;
}
