import { PolymqError } from '../errors.ts';
import type { MessageContract } from './contract.ts';

/** The kinds of messages that one queue or topic carries, chosen by the message's type. */
export class Contracts {
  readonly #place: string;
  readonly #byName: ReadonlyMap<string, MessageContract>;
  /** Taken for messages that are sent without a type. */
  readonly #only: MessageContract | undefined;

  constructor(place: string, contracts: readonly MessageContract[]) {
    this.#place = place;
    this.#byName = new Map(contracts.map((contract) => [contract.name, contract]));
    this.#only = contracts.length === 1 ? contracts[0] : undefined;
    if (this.#byName.size === contracts.length) return;
    throw new PolymqError(
      'invalid-argument',
      `two contracts of ${place} have the same name (${this.#names()}); give each kind of message its own`,
    );
  }

  /** Of what is sent. */
  toSend(type: string | undefined): MessageContract {
    if (type === undefined && this.#only !== undefined) return this.#only;
    return this.#named(type, 'give `type` with the message');
  }

  /** Of what has come. */
  ofReceived(type: string | undefined): MessageContract {
    return this.#named(type, 'add its contract to the receiver, or correct its sender');
  }

  #named(type: string | undefined, advice: string): MessageContract {
    const contract = type === undefined ? undefined : this.#byName.get(type);
    if (contract !== undefined) return contract;
    const what = type === undefined ? 'a message without a type' : `a message of type "${type}"`;
    throw new PolymqError(
      'invalid-message',
      `${this.#place} has no contract for ${what}, only for ${this.#names()}; ${advice}`,
    );
  }

  #names(): string {
    return Array.from(this.#byName.keys(), (name) => `"${name}"`).join(', ');
  }
}

/** `undefined` where there are none: then any data goes. */
export function contractsOf(
  place: string,
  contract: MessageContract | readonly MessageContract[] | undefined,
): Contracts | undefined {
  if (contract === undefined) return undefined;
  return new Contracts(place, 'encode' in contract ? [contract] : contract);
}
