/**
 * Requests and replies on the wire, for those who write the other side in another language:
 *
 *   request   correlationId, replyTo, body = data
 *             headers   polymq-operation   the operation
 *                       polymq-deadline    when the sender stops waiting, ms since the epoch (clocks must be in step, as NTP keeps them)
 *   reply     correlationId of the request, body = data
 *             headers   polymq-failed      '1': the body is { name, message } of an error
 */
import type { ClientContext } from '../../driver/client-context.ts';
import { PolymqError } from '../../errors.ts';
import type { MessageContract } from '../../message/contract.ts';
import { Contracts } from '../../message/contracts.ts';
import type { Place } from '../../message/interceptor.ts';
import { MessageReader } from '../../message/message-reader.ts';
import { MessageWriter } from '../../message/message-writer.ts';
import { ReceivedMessage } from '../../message/received-message.ts';
import type { WireMessage } from '../../message/wire-message.ts';

export const OPERATION = 'polymq-operation';
export const DEADLINE = 'polymq-deadline';
export const FAILED = 'polymq-failed';

/** One direction of one operation: how its data becomes a message, and comes out of one again. */
export interface Codec {
  readonly writer: MessageWriter;
  readonly reader: MessageReader;
}

export function codecOf(
  { clock, interceptors }: ClientContext,
  place: Place,
  contract: MessageContract | undefined,
): Codec {
  const label = `${place.kind} "${place.name}"`;
  const contracts = contract === undefined ? undefined : new Contracts(label, [contract]);
  return {
    writer: new MessageWriter({ place, clock, contracts, interceptors }),
    reader: new MessageReader(place, contracts, interceptors),
  };
}

/** A request or reply that came. It is settled by what becomes of it, not by its reader. */
export class ServiceMessage extends ReceivedMessage {
  readonly source: string;
  readonly partition: undefined = undefined;
  readonly offset: undefined = undefined;
  readonly retryCount = 0;
  readonly operation: string;
  readonly deadline: number | undefined;
  /** What the handler returned. */
  result: unknown = undefined;
  /** Called when it has been answered. */
  whenOver: (() => void) | undefined = undefined;
  readonly #whenSignalWanted: ((message: ServiceMessage) => void) | undefined;

  constructor(
    wire: WireMessage,
    service: string,
    whenSignalWanted?: (message: ServiceMessage) => void,
  ) {
    super(wire);
    this.source = service;
    this.operation = wire.headers[OPERATION] ?? '';
    const deadline = Number(wire.headers[DEADLINE] ?? Number.NaN);
    this.deadline = Number.isFinite(deadline) ? deadline : undefined;
    this.#whenSignalWanted = whenSignalWanted;
  }

  protected override signalWanted(): void {
    this.#whenSignalWanted?.(this);
  }

  async ack(): Promise<void> {}

  async extend(): Promise<void> {}

  nack(): Promise<void> {
    return refuse('throw an error instead: it is sent to whoever asks');
  }

  reject(): Promise<void> {
    return refuse('throw an error instead: it is sent to whoever asks');
  }

  reply(): Promise<void> {
    return refuse('return the reply instead');
  }
}

function refuse(advice: string): Promise<void> {
  return Promise.reject(
    new PolymqError(
      'invalid-argument',
      `a request to a service is answered by its handler; ${advice}`,
    ),
  );
}
