import { bodyOf } from '../../core/exchange/draft-facts.ts';
import type { RoutingFacts } from '../../core/exchange/exchanges.ts';
import type { MessageDraft } from '../../core/message/message-draft.ts';
import { readTable } from './codec/field-reader.ts';
import { type BasicProperties, readProperties } from './codec/index.ts';
import type { PropertiesScan } from './codec/scan-properties.ts';
import { CONTENT_GAP_BYTES } from './content.ts';
import { FieldTimestamp, type FieldValue } from './methods/row.ts';
import { plainValue } from './plain-values.ts';

const NO_HEADERS: ReadonlyMap<string, unknown> = new Map();

/** What exchanges may ask about a message beyond its routing key; decoded only if they do. Valid while it is published. */
export class PublishFacts implements RoutingFacts {
  dueMs = 0;
  readonly #header: Buffer;
  readonly #scan: PropertiesScan;
  readonly #draft: MessageDraft;
  #headers: ReadonlyMap<string, unknown> | undefined;
  #properties: BasicProperties | undefined;

  constructor(header: Buffer, scan: PropertiesScan, draft: MessageDraft) {
    this.#header = header;
    this.#scan = scan;
    this.#draft = draft;
  }

  headers(): ReadonlyMap<string, unknown> {
    this.#headers ??= this.#readHeaders();
    return this.#headers;
  }

  property(name: 'message-id' | 'correlation-id' | 'timestamp'): string | undefined {
    const { content, contentStart, propertiesBytes } = this.#draft;
    const end = contentStart + propertiesBytes - CONTENT_GAP_BYTES;
    this.#properties ??= readProperties(content, contentStart, end);
    const { messageId, correlationId, timestamp } = this.#properties;
    if (name === 'message-id') return messageId;
    if (name === 'correlation-id') return correlationId;
    return timestamp === undefined ? undefined : String(timestamp);
  }

  body(bytesMax: number): Buffer | undefined {
    return bodyOf(this.#draft, bytesMax);
  }

  /** Reads `x-delay`, milliseconds from now; what is no positive number means no delay. */
  delayFrom(nowMs: number): void {
    const delay = this.headers().get('x-delay');
    const delayMs = typeof delay === 'string' ? Number(delay) : delay;
    if (typeof delayMs === 'number' && delayMs > 0) this.dueMs = nowMs + Math.floor(delayMs);
  }

  #readHeaders(): ReadonlyMap<string, unknown> {
    const { headersStart, headersEnd } = this.#scan;
    if (headersStart < 0) return NO_HEADERS;
    const table = readTable(this.#header, headersStart, headersEnd);
    return new Map(Object.entries(table).map(([name, value]) => [name, routable(value)]));
  }
}

function routable(value: FieldValue): unknown {
  return value instanceof FieldTimestamp ? value.timestamp : plainValue(value);
}
