import type { Channel } from '../channel.ts';
import type { MethodName, Methods } from '../methods/index.ts';
import type { AmqpSession } from '../session.ts';

/**
 * Handles one method. A promise holds back everything that follows on the connection until it settles. Throws, or
 * rejects with, `AmqpError` or `BrokerError`. `channel` is undefined for the methods of connections only.
 */
export type Handler<Name extends MethodName> = (
  session: AmqpSession,
  args: Methods[Name],
  channel: Channel,
) => Promise<void> | undefined;

export type Handlers = { readonly [Name in MethodName]?: Handler<Name> };
