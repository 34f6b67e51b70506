/** AMQP's names for the types of exchanges, as a table, and what a declaration means to the core. */
import type { ExchangeDefinition, ExchangeType } from '../../core/exchange/exchanges.ts';
import type { DeclaredValues } from '../../core/queue/queue-definition.ts';
import { AmqpError } from './errors.ts';
import type { Methods } from './methods/index.ts';
import { plainType } from './plain-values.ts';

const TYPES: ReadonlyMap<string, ExchangeType> = new Map<string, ExchangeType>(
  Object.entries({
    direct: 'direct',
    fanout: 'fanout',
    topic: 'topic',
    headers: 'headers',
    'x-consistent-hash': 'consistent-hash',
    'x-modulus-hash': 'modulus-hash',
    'x-random': 'random',
    'x-recent-history': 'recent-history',
    'x-filter': 'filter',
    'x-glob': 'glob',
  } as const),
);

const NAMES: ReadonlyMap<ExchangeType, string> = new Map(
  [...TYPES].map(([name, type]) => [type, name]),
);

/** The name of a type, also of exchanges that no client of AMQP has declared. */
export function exchangeTypeName(type: ExchangeType): string {
  return NAMES.get(type) ?? type;
}

export const DELAYED_TYPE = 'x-delayed-message';

/** Throws 503 for a type that does not exist, as RabbitMQ does. */
export function exchangeDefinition(
  args: Methods['exchange.declare'],
  values: DeclaredValues,
  vhost: string,
): ExchangeDefinition {
  const delayed = args.type === DELAYED_TYPE;
  const type = TYPES.get(delayed ? delayedType(values) : args.type);
  if (type === undefined) {
    throw new AmqpError('commandInvalid', `unknown exchange type '${args.type}'`);
  }
  const alternate = values['alternate-exchange'];
  if (alternate !== undefined && typeof alternate !== 'string') {
    const type = plainType(alternate);
    const where = `exchange '${args.exchange}' in vhost '${vhost}'`;
    throw new AmqpError(
      'preconditionFailed',
      `invalid type '${type}' for arg 'alternate-exchange' in ${where}`,
    );
  }
  return {
    type,
    durable: args.durable,
    autoDelete: args.autoDelete,
    internal: args.internal,
    ...(alternate === undefined ? {} : { alternate }),
    ...(delayed ? { delayed } : {}),
    declared: { type: args.type, arguments: values },
  };
}

function delayedType(values: DeclaredValues): string {
  const type = values['x-delayed-type'];
  if (typeof type === 'string' && TYPES.has(type)) return type;
  throw new AmqpError(
    'preconditionFailed',
    `Invalid argument, 'x-delayed-type' must be an existing exchange type`,
  );
}
