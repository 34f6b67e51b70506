/** How interceptors are asked: around a send or a handler they are folded once into one function; without any it is the function itself. */
import type { Interceptor, Outcome, Place } from './interceptor.ts';
import type { Message } from './message.ts';
import type { OutgoingMessage, WireMessage } from './wire-message.ts';

type Send<M extends OutgoingMessage, Option, R> = (
  messages: readonly M[],
  option: Option,
) => Promise<R>;

/** The interceptor given first is the outermost. */
export function wrapSend<M extends OutgoingMessage, Option, R>(
  place: Place,
  interceptors: readonly Interceptor[],
  send: Send<M, Option, R>,
): Send<M, Option, R> {
  return interceptors
    .filter((each) => each.send !== undefined)
    .reduceRight<Send<M, Option, R>>(
      (inner, each) => (messages, option) =>
        each.send!(messages, place, () => inner(messages, option)),
      send,
    );
}

type Process = (message: Message) => unknown;

export function wrapProcess(
  place: Place,
  interceptors: readonly Interceptor[],
  handler: Process,
): Process {
  const wrapping = interceptors.filter((each) => each.process !== undefined);
  if (wrapping.length === 0) return handler;
  return wrapping.reduceRight<(message: Message) => Promise<void>>(
    (inner, each) => (message) => each.process!(message, place, () => inner(message)),
    async (message) => {
      await handler(message);
    },
  );
}

/** Who counts can fail, too: that is reported, and changes nothing for the message or for the others. */
export function tellSettled(
  interceptors: readonly Interceptor[],
  message: WireMessage,
  place: Place,
  outcome: Outcome,
  onError: (error: unknown) => void,
): void {
  for (const each of interceptors) {
    try {
      each.settled?.(message, place, outcome);
    } catch (error) {
      onError(error);
    }
  }
}
