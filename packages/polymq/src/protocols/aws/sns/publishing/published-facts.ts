import type { RoutingFacts } from '../../../../core/exchange/exchanges.ts';
import type { MessageAttributes } from '../../message/attributes.ts';
import { routableValue } from '../../message/format.ts';

/** What exchanges and filter policies may ask of a message that is being published. */
export class PublishedFacts implements RoutingFacts {
  readonly dueMs = 0;
  readonly #messageId: string;
  readonly #attributes: MessageAttributes | undefined;
  readonly #body: Buffer;
  #headers: ReadonlyMap<string, unknown> | undefined;

  constructor(messageId: string, attributes: MessageAttributes | undefined, body: Buffer) {
    this.#messageId = messageId;
    this.#attributes = attributes;
    this.#body = body;
  }

  headers(): ReadonlyMap<string, unknown> {
    this.#headers ??= new Map(
      Object.entries(this.#attributes ?? {}).map(([name, value]) => [name, routableValue(value)]),
    );
    return this.#headers;
  }

  property(name: 'message-id' | 'correlation-id' | 'timestamp'): string | undefined {
    return name === 'message-id' ? this.#messageId : undefined;
  }

  body(bytesMax: number): Buffer | undefined {
    return this.#body.length <= bytesMax ? this.#body : undefined;
  }
}
