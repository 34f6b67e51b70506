import type { RoutingFacts } from '../../core/exchange/exchanges.ts';
import { readTable } from './codec/field-reader.ts';
import type { PropertiesScan } from './codec/scan-properties.ts';
import { FieldTimestamp, type FieldValue } from './methods/row.ts';
import { plainValue } from './plain-values.ts';

const NO_HEADERS: ReadonlyMap<string, unknown> = new Map();

/** What exchanges may ask about a message beyond its routing key; decoded only if they do. Valid while it is published. */
export class PublishFacts implements RoutingFacts {
  dueMs = 0;
  readonly #header: Buffer;
  readonly #scan: PropertiesScan;
  #headers: ReadonlyMap<string, unknown> | undefined;

  constructor(header: Buffer, scan: PropertiesScan) {
    this.#header = header;
    this.#scan = scan;
  }

  headers(): ReadonlyMap<string, unknown> {
    this.#headers ??= this.#readHeaders();
    return this.#headers;
  }

  property(name: 'message-id' | 'correlation-id' | 'timestamp'): string | undefined {
    return propertyText(this.#header, this.#scan, name);
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

function propertyText(
  header: Buffer,
  scan: PropertiesScan,
  name: 'message-id' | 'correlation-id' | 'timestamp',
): string | undefined {
  if (name === 'message-id' && scan.messageIdStart >= 0) {
    return header.toString('utf8', scan.messageIdStart, scan.messageIdEnd);
  }
  return undefined;
}
