/**
 * Acknowledgements on their way to the engine. Those that the engine confirms together, with one promise, are one round: nothing is
 * made for each message.
 */
import type { QueueMessage } from './queue-message.ts';
import type { Settling } from './settling.ts';

interface Round {
  readonly confirmed: Promise<void>;
  readonly messages: QueueMessage[];
  ended: Promise<void>;
}

const NOT_YET: Promise<void> = Promise.resolve();

export class Acks {
  readonly #settling: Settling;
  #round: Round | undefined = undefined;

  constructor(settling: Settling) {
    this.#settling = settling;
  }

  /** The end of the message's round, the same for all of it, which rejects if they were refused. `undefined`: done. */
  add(message: QueueMessage): Promise<void> | undefined {
    const confirmed = this.#settling.beginAck(message);
    if (confirmed === undefined) return undefined;
    let round = this.#round;
    if (confirmed === round?.confirmed) {
      round.messages.push(message);
      return round.ended;
    }
    round = { confirmed, messages: [message], ended: NOT_YET };
    this.#round = round;
    round.ended = this.#end(round);
    return round.ended;
  }

  async #end(round: Round): Promise<void> {
    try {
      await round.confirmed;
    } catch (error) {
      for (const message of round.messages) this.#settling.refused(message, error);
      throw error;
    } finally {
      // Whoever gets the same promise later begins another one.
      if (this.#round === round) this.#round = undefined;
    }
    for (const message of round.messages) this.#settling.acked(message);
  }
}
