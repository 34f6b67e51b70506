import { PolymqError } from '../errors.ts';
import { MessageWriter, PLAIN } from '../message/message-writer.ts';
import type { WireMessage } from '../message/wire-message.ts';
import type { ClientContext } from './client-context.ts';
import { unsupported } from './require-capability.ts';

/** Answers whoever waits at the message's `replyTo`; the answer carries its correlation id, or its id if it has none. */
export async function sendReply(
  context: ClientContext,
  request: WireMessage,
  data: unknown,
): Promise<void> {
  const { driver, clock, interceptors } = context;
  const { replyTo } = request;
  if (replyTo === undefined) {
    throw new PolymqError(
      'invalid-argument',
      `message ${request.id} has no replyTo, so nobody waits for an answer; send it with { replyTo }, or use service(…).request`,
    );
  }
  if (driver.requests === undefined) throw unsupported(driver, 'request-reply');
  const place = {
    kind: 'service',
    name: replyTo,
    engine: driver.engine,
    system: driver.system,
  } as const;
  const writer = new MessageWriter({ place, clock, contracts: undefined, interceptors });
  const options = { correlationId: request.correlationId ?? request.id };
  await driver.requests.reply(replyTo, await writer.write(data, options, PLAIN));
}
