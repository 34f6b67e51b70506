import { START_ARGUMENT } from '../../core/crossing/binding-start.ts';
import { STREAM_EXCHANGE_PREFIX } from '../../core/crossing/stream-bindings.ts';
import { AmqpError } from './errors.ts';
import type { FieldTable } from './methods/row.ts';
import type { AmqpSession } from './session.ts';
import { streamStart } from './stream-start.ts';

/**
 * The stream that `stream:NAME` means in the place of a source exchange: its records are what is routed. `undefined` if it
 * is the name of an exchange. Throws 404 if there is no such stream, 406 if the arguments name no place to start.
 */
export function sourceStreamOf(
  session: AmqpSession,
  exchange: string,
  args: FieldTable,
): string | undefined {
  if (!exchange.startsWith(STREAM_EXCHANGE_PREFIX) || session.namespace !== '') return undefined;
  const name = exchange.slice(STREAM_EXCHANGE_PREFIX.length);
  if (session.server.broker.streams.get(name) === undefined) {
    throw new AmqpError('notFound', `no stream '${name}' in vhost '${session.vhost}'`);
  }
  if (streamStart(args[START_ARGUMENT], session.server.nowMs) === undefined) {
    throw new AmqpError(
      'preconditionFailed',
      `invalid arg '${START_ARGUMENT}': it must be first, last, next, an offset or an interval such as 5m`,
    );
  }
  return name;
}
