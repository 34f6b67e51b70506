import type { PolymqError } from '../../errors.ts';
import { amqpError } from './errors.ts';

/**
 * One part of a link comes back with its connection. Rejects if that is lost meanwhile, so that the link makes another; any other error
 * ends the part alone, for it would come again on each connection. `what` names the part in the error.
 */
export async function restoredOrEnded(
  restored: Promise<void>,
  what: string,
  end: (error: PolymqError) => void,
): Promise<void> {
  try {
    await restored;
  } catch (error) {
    const failed = amqpError(error, what);
    if (failed.code === 'disconnected') throw failed;
    end(failed);
  }
}
