import type { MessageDraft } from '../message/message-draft.ts';
import type { MessageFormats } from '../message/message-formats.ts';
import type { NeutralMessage } from '../message/neutral-message.ts';
import type { RoutingFacts } from './exchanges.ts';

/** What exchanges may ask about a message that the broker itself publishes again. Read only if they ask. */
export class DraftFacts implements RoutingFacts {
  readonly dueMs: number;
  readonly #formats: MessageFormats;
  readonly #draft: MessageDraft;
  #headers: ReadonlyMap<string, unknown> | undefined;
  #neutral: NeutralMessage | undefined;

  constructor(formats: MessageFormats, draft: MessageDraft, dueMs: number) {
    this.#formats = formats;
    this.#draft = draft;
    this.dueMs = dueMs;
  }

  headers(): ReadonlyMap<string, unknown> {
    this.#headers ??= this.#formats.headersOf(this.#draft.format, propertiesOf(this.#draft));
    return this.#headers;
  }

  property(name: 'message-id' | 'correlation-id' | 'timestamp'): string | undefined {
    this.#neutral ??= this.#formats.get(this.#draft.format).toNeutral(propertiesOf(this.#draft));
    const { messageId, correlationId, timestampMs } = this.#neutral;
    if (name === 'message-id') return messageId;
    if (name === 'correlation-id') return correlationId;
    return timestampMs === undefined ? undefined : String(Math.floor(timestampMs / 1000));
  }

  body(bytesMax: number): Buffer | undefined {
    return bodyOf(this.#draft, bytesMax);
  }
}

/** The routing key in the draft's names, and those that its properties carry. */
export function routingKeysOf(formats: MessageFormats, draft: MessageDraft): readonly string[] {
  const { names, namesStart, namesEnd } = draft;
  const keyAt = namesStart + 1 + names[namesStart]!;
  const key = names.toString('utf8', keyAt + 1, namesEnd);
  const more = formats.get(draft.format).wishes?.(propertiesOf(draft)).copies ?? [];
  return more.length === 0 ? [key] : [key, ...more];
}

/** A view into the draft's memory. */
function propertiesOf({ content, contentStart, propertiesBytes }: MessageDraft): Buffer {
  return content.subarray(contentStart, contentStart + propertiesBytes);
}

/** The draft's body, in one piece; undefined if it has more than `bytesMax`. */
export function bodyOf(draft: MessageDraft, bytesMax: number): Buffer | undefined {
  const { content, contentStart, contentEnd, propertiesBytes, more, bodyBytes } = draft;
  if (bodyBytes > bytesMax) return undefined;
  const first = content.subarray(contentStart + propertiesBytes, contentEnd);
  if (more.length === 0) return first;
  return first.length === 0 && more.length === 1 ? more[0] : Buffer.concat([first, ...more]);
}
