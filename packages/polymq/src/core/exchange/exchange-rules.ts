import { BrokerError } from '../errors.ts';
import { NAME_BYTES_MAX } from '../message/message-bytes.ts';
import type { DeclaredValue, DeclaredValues } from '../queue/queue-definition.ts';
import type { ExchangeDefinition, ExchangeType } from './exchanges.ts';

/** How much the exchanges of a broker may hold. */
export interface ExchangeLimits {
  /** Declared ones; those that every namespace has do not count. */
  exchangesMax: number;
  bindingsMax: number;
  /** Routing keys and arguments of all bindings. */
  bindingBytesMax: number;
  /** Arguments of one binding, as JSON. */
  argumentsBytesMax: number;
}

export const EXCHANGE_LIMITS: Readonly<ExchangeLimits> = Object.freeze({
  exchangesMax: 10_000,
  bindingsMax: 1_000_000,
  bindingBytesMax: 256 * 1024 * 1024,
  argumentsBytesMax: 64 * 1024,
});

/** An exchange that is there from the beginning, durable, and cannot be deleted. It is never in the log. */
export interface PredeclaredExchange {
  readonly name: string;
  readonly type: ExchangeType;
  readonly internal?: boolean;
}

/** Exchanges that every namespace has from the beginning. */
export const PREDECLARED: readonly PredeclaredExchange[] = [
  { name: '', type: 'direct' },
  { name: 'amq.direct', type: 'direct' },
  { name: 'amq.fanout', type: 'fanout' },
  { name: 'amq.topic', type: 'topic' },
  { name: 'amq.headers', type: 'headers' },
  { name: 'amq.match', type: 'headers' },
  { name: 'amq.rabbitmq.trace', type: 'topic', internal: true },
];

/** An argument of the declaration. */
export function declaredValue(
  definition: ExchangeDefinition,
  name: string,
): DeclaredValue | undefined {
  const { declared } = definition;
  const nested = declared['arguments'];
  if (declared[name] !== undefined || !isTable(nested)) return declared[name];
  return nested[name];
}

export function checkName(what: string, name: string, bytesMax: number = NAME_BYTES_MAX): void {
  const bytes = Buffer.byteLength(name);
  if (bytes > 0 && bytes <= bytesMax) return;
  throw new BrokerError(
    'invalid-name',
    bytes === 0
      ? `the name of ${what} may not be empty`
      : `the name of ${what} has ${bytes} bytes; ${bytesMax} are allowed`,
  );
}

function isTable(value: DeclaredValue | undefined): value is DeclaredValues {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
