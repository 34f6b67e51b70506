/** The way from a client to what its queues and topics are made with, for patterns that send and receive by themselves. */
import type { ClientContext } from '../driver/client-context.ts';
import { PolymqError } from '../errors.ts';
import type { Client } from './client.ts';

const contexts = new WeakMap<object, () => ClientContext>();

/** Called by whoever makes the client. */
export function rememberContext(client: Client, context: () => ClientContext): void {
  contexts.set(client, context);
}

/** With the interceptors that the client has now. Throws `invalid-argument` for what `createClient` has not made. */
export function contextOf(client: Client): ClientContext {
  const context = contexts.get(client);
  if (context !== undefined) return context();
  throw new PolymqError(
    'invalid-argument',
    'this is no client of this SDK; give what connect, embed or createClient answered',
  );
}
