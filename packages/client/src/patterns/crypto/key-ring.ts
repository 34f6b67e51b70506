import { PolymqError } from '../../errors.ts';

const ID = /^[A-Za-z0-9_.:/=-]{1,100}$/;
const KEYS_MAX = 1_000;

/** Keys by their ids, which stand in the messages, so that old and new ones are in use together. */
export class KeyRing<Key> {
  readonly #keys = new Map<string, Key>();

  get ids(): string[] {
    return [...this.#keys.keys()];
  }

  get(id: string): Key | undefined {
    return this.#keys.get(id);
  }

  /** Throws `invalid-argument` for another key under a known id: messages name it. */
  add(id: string, key: Key): void {
    if (!ID.test(id)) {
      throw invalid(`key id ${JSON.stringify(id)}: use 1 to 100 letters, digits and _ . : / = -`);
    }
    if (this.#keys.has(id)) {
      throw invalid(`there is a key "${id}" already; a new key needs a new id`);
    }
    if (this.#keys.size >= KEYS_MAX) {
      throw invalid(`there are ${KEYS_MAX} keys, which is the limit; forget old ones`);
    }
    this.#keys.set(id, key);
  }

  /** What was made with it can be read no more. */
  forget(id: string): void {
    this.#keys.delete(id);
  }

  /** For errors. */
  toString(): string {
    return this.ids.map((id) => `"${id}"`).join(', ') || 'none';
  }
}

export function invalid(text: string): PolymqError {
  return new PolymqError('invalid-argument', text);
}
