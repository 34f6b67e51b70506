/** What a consumer does with one message, by the delivery guarantee of its queue. */
import type { Message } from '../message/message.ts';
import { wrapProcess } from '../message/wrapping.ts';
import type { OnceStore } from './queue.ts';
import type { QueueMessage } from './queue-message.ts';
import type { Settling } from './settling.ts';

/** Done when it returns, or when its promise resolves; a failed attempt when it throws or rejects. */
export type Handling = (message: QueueMessage) => unknown;

type AnyHandler = (message: Message) => unknown;

export function handlingOf(
  settling: Settling,
  handler: AnyHandler,
  onError: (error: unknown) => void,
): Handling {
  const { place, interceptors, delivery } = settling.plan;
  const process = wrapProcess(place, interceptors, handler);
  if (delivery === 'at-least-once') return process;
  if (delivery === 'at-most-once') return atMostOnce(settling, process, onError);
  return effectivelyOnce(delivery.once, place.name, process);
}

/** Settled before the handler sees it; so what it throws can only be reported. */
function atMostOnce(
  settling: Settling,
  process: AnyHandler,
  onError: (error: unknown) => void,
): Handling {
  return async (message) => {
    await settling.ack(message);
    try {
      await process(message);
    } catch (error) {
      onError(error);
    }
  };
}

/** What was handled before is not handled again. What the handler itself gives back is not remembered as done. */
function effectivelyOnce(once: OnceStore, queue: string, process: AnyHandler): Handling {
  return async (message) => {
    try {
      // Copies of one message in several queues have the same id, and each queue handles its own.
      await once.once(`${queue}/${message.id}`, async () => {
        await process(message);
        if (message.state !== 'open' && message.state !== 'ack') throw NOT_DONE;
      });
    } catch (error) {
      if (error !== NOT_DONE) throw error;
    }
  };
}

const NOT_DONE = new Error('the handler has given the message back');
