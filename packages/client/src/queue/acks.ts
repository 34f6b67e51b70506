/**
 * Acknowledgements of one consumer on their way to the engine. Those that the engine confirms together, with one promise, are one
 * round: nothing is made for each message.
 */
import type { QueueMessage } from './queue-message.ts';
import type { Settling } from './settling.ts';

interface Round {
  readonly confirmed: Promise<void>;
  readonly messages: QueueMessage[];
}

export class Acks {
  readonly #settling: Settling;
  #round: Round | undefined = undefined;

  constructor(settling: Settling) {
    this.#settling = settling;
  }

  /** The end of the round that this message begins, which rejects if it was refused. `undefined`: there is nothing (more) to wait for. */
  add(message: QueueMessage): Promise<void> | undefined {
    const confirmed = this.#settling.beginAck(message);
    if (confirmed === undefined) return undefined;
    if (confirmed === this.#round?.confirmed) {
      this.#round.messages.push(message);
      return undefined;
    }
    const round = { confirmed, messages: [message] };
    this.#round = round;
    return this.#end(round);
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
