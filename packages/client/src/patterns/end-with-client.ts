import type { Client } from '../client/client.ts';
import { contextOf } from '../client/context-of.ts';
import { PolymqError } from '../errors.ts';
import { within } from '../lib/within.ts';

/**
 * The client's `close` ends what goes on in the background as well, and waits for it as long as for handlers. Returns what is to be called when it
 * has ended by itself. Throws `closed` if the client has been closed.
 */
export function endWithClient(mq: Client, end: () => Promise<void>): () => void {
  const { checkOpen, closeWithClient, clock } = contextOf(mq);
  checkOpen();
  const late = (): PolymqError =>
    new PolymqError('closed', 'the client has been closed without what went on in the background');
  return closeWithClient({ close: ({ drain }) => within(end(), drain, clock, late) });
}
