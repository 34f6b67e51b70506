/**
 * Class 40: exchanges and the bindings between them. The core declares and routes; here are AMQP's rules on names, and its
 * words when something does not fit.
 */
import type { Binding, Exchange, ExchangeDefinition } from '../../../core/exchange/exchanges.ts';
import type { DeclaredValues } from '../../../core/queue/queue-definition.ts';
import { methodFrame } from '../codec/index.ts';
import { REPLY_CODE } from '../codec/reply-code.ts';
import { checkEquivalent, type Declared } from '../equivalence.ts';
import { AmqpError, asAmqpError, isBrokerError } from '../errors.ts';
import { exchangeDefinition, exchangeTypeName } from '../exchange-types.ts';
import { exchangeNamed, RESERVED_PREFIX } from '../lookup.ts';
import type { Methods } from '../methods/index.ts';
import { plainTable } from '../plain-values.ts';
import type { AmqpSession } from '../session.ts';
import { sourceStreamOf } from '../stream-source.ts';
import type { Handlers } from './handler.ts';

/** The arguments by which declarations are compared. */
const COMPARED = ['alternate-exchange', 'x-delayed-type', 'hash-header', 'hash-property'];

export const exchangeHandlers: Handlers = {
  async 'exchange.declare'(session, args, channel) {
    const name = args.exchange;
    refuseDefault(name);
    if (args.passive) exchangeNamed(session, name);
    else {
      await declare(
        session,
        name,
        exchangeDefinition(args, plainTable(args.arguments), session.vhost),
      );
    }
    if (args.noWait) return;
    session.output.frame(methodFrame(channel.number, 'exchange.declare-ok', {}));
  },

  async 'exchange.delete'(session, { exchange: name, ifUnused, noWait }, channel) {
    refuseDefault(name);
    if (name.startsWith(RESERVED_PREFIX)) {
      const what = `deletion of system exchange '${name}' in vhost '${session.vhost}' not allowed`;
      throw new AmqpError('accessRefused', what);
    }
    const exchange = session.server.broker.exchanges.get(session.namespace, name);
    if (exchange !== undefined) {
      if (ifUnused && exchange.bindingCount > 0) {
        throw new AmqpError(
          'preconditionFailed',
          `exchange '${name}' in vhost '${session.vhost}' in use`,
        );
      }
      await session.server.broker.exchanges.delete(exchange, { ifUnused });
    }
    if (noWait) return;
    session.output.frame(methodFrame(channel.number, 'exchange.delete-ok', {}));
  },

  async 'exchange.bind'(session, args, channel) {
    await session.server.broker.exchanges.bind(bindingOf(session, args));
    if (args.noWait) return;
    session.output.frame(methodFrame(channel.number, 'exchange.bind-ok', {}));
  },

  async 'exchange.unbind'(session, args, channel) {
    await unlessMissing(() => session.server.broker.exchanges.unbind(bindingOf(session, args)));
    if (args.noWait) return;
    session.output.frame(methodFrame(channel.number, 'exchange.unbind-ok', {}));
  },
};

async function declare(
  session: AmqpSession,
  name: string,
  definition: ExchangeDefinition,
): Promise<void> {
  const { exchanges } = session.server.broker;
  const current = exchanges.get(session.namespace, name);
  if (current !== undefined) {
    checkEquivalent(
      declaredOf(session, current, current.definition),
      declaredOf(session, current, definition),
      COMPARED,
    );
    return;
  }
  refuseReserved(name);
  try {
    await exchanges.declare(session.namespace, name, definition);
  } catch (error: unknown) {
    // Another client has declared it at the same time: it is compared now.
    if (!isBrokerError(error, 'exchange-exists')) throw error;
    await declare(session, name, definition);
  }
}

function declaredOf(
  { vhost }: AmqpSession,
  { name }: Exchange,
  { type, declared, durable, autoDelete, internal }: ExchangeDefinition,
): Declared {
  return {
    what: `exchange '${name}' in vhost '${vhost}'`,
    flags: {
      type: typeof declared['type'] === 'string' ? declared['type'] : exchangeTypeName(type),
      durable,
      auto_delete: autoDelete,
      internal,
    },
    arguments: (declared['arguments'] ?? {}) as DeclaredValues,
  };
}

function bindingOf(
  session: AmqpSession,
  args: Methods['exchange.bind'] | Methods['exchange.unbind'],
): Binding {
  refuseDefault(args.source);
  refuseDefault(args.destination);
  const sourceStream = sourceStreamOf(session, args.source, args.arguments);
  if (sourceStream === undefined) exchangeNamed(session, args.source);
  exchangeNamed(session, args.destination);
  return {
    namespace: session.namespace,
    source: sourceStream ?? args.source,
    ...(sourceStream === undefined ? {} : { sourceKind: 'stream' as const }),
    destination: args.destination,
    destinationKind: 'exchange',
    routingKey: args.routingKey,
    arguments: plainTable(args.arguments),
  };
}

/** What is not there is not bound: unbinding it succeeds, as in RabbitMQ. */
export async function unlessMissing(unbind: () => Promise<void>): Promise<void> {
  try {
    await unbind();
  } catch (thrown: unknown) {
    const error = asAmqpError(thrown);
    if (!(error instanceof AmqpError) || error.replyCode !== REPLY_CODE.notFound) throw thrown;
  }
}

/** Everything is bound to the default exchange already, by its name. */
export function refuseDefault(name: string): void {
  if (name === '') {
    throw new AmqpError('accessRefused', 'operation not permitted on the default exchange');
  }
}

function refuseReserved(name: string): void {
  if (!name.startsWith(RESERVED_PREFIX)) return;
  throw new AmqpError('accessRefused', `exchange name '${name}' contains reserved prefix 'amq.*'`);
}
