/**
 * From what a driver delivered to the data that a handler gets: the interceptors backwards, then contract or codec. Answers
 * without a promise unless one of them needs it. What it throws makes the message a dead letter.
 */
import { type Maybe, whenDone } from '../lib/maybe.ts';
import { decodeData } from './codec.ts';
import type { Contracts } from './contracts.ts';
import type { Interceptor, Place } from './interceptor.ts';
import type { ReceivedMessage } from './received-message.ts';
import type { WireMessage } from './wire-message.ts';

export class MessageReader {
  readonly #place: Place;
  readonly #contracts: Contracts | undefined;
  readonly #interceptors: readonly Interceptor[];

  constructor(
    place: Place,
    contracts: Contracts | undefined,
    interceptors: readonly Interceptor[],
  ) {
    this.#place = place;
    this.#contracts = contracts;
    this.#interceptors = interceptors.filter((each) => each.incoming !== undefined).reverse();
  }

  /** Puts the data into the message. `undefined`: done; else done when the promise resolves. */
  read(message: ReceivedMessage): Promise<void> | undefined {
    if (this.#interceptors.length === 0 && this.#contracts === undefined) {
      const { wire } = message;
      message.decoded(wire, decodeData(wire.body, wire.contentType));
      return undefined;
    }
    return this.#read(message) as Promise<void> | undefined;
  }

  #read(message: ReceivedMessage): Maybe<void> {
    return whenDone(this.#intercept(message.wire), (wire) =>
      whenDone(this.#decode(wire), (data) => message.decoded(wire, data)),
    );
  }

  #intercept(wire: WireMessage): Maybe<WireMessage> {
    let result: Maybe<WireMessage> = wire;
    for (const interceptor of this.#interceptors) {
      result = whenDone(result, (before) => interceptor.incoming!(before, this.#place));
    }
    return result;
  }

  #decode(wire: WireMessage): Maybe<unknown> {
    if (this.#contracts === undefined) return decodeData(wire.body, wire.contentType);
    return this.#contracts.ofReceived(wire.type).decode(wire);
  }
}
