import { bytesAsText, literalPrefix, matchesBytes } from './glob-pattern.ts';

/**
 * Glob patterns by the text that they begin with before anything stands for anything else. A text is tried only against
 * patterns that begin like it: one look-up for each length of such a beginning that there is.
 *
 *   user:*  user:?x  *:log      5: "user:" ► user:*, user:?x       0: "" ► *:log
 */
export class GlobIndex {
  /** By prefix: the patterns, and each as bytes. */
  readonly #groups = new Map<string, Map<string, string>>();
  /** How many groups there are by the length of their prefix. */
  readonly #lengths: number[] = [];

  /** Adding a pattern that is there changes nothing. */
  add(pattern: string): void {
    const bytes = bytesAsText(pattern);
    const prefix = literalPrefix(bytes);
    let group = this.#groups.get(prefix);
    if (group === undefined) {
      group = new Map();
      this.#groups.set(prefix, group);
      this.#count(prefix.length, 1);
    }
    group.set(pattern, bytes);
  }

  /** Removes the pattern, if it is there. */
  delete(pattern: string): void {
    const prefix = literalPrefix(bytesAsText(pattern));
    const group = this.#groups.get(prefix);
    if (group?.delete(pattern) !== true || group.size > 0) return;
    this.#groups.delete(prefix);
    this.#count(prefix.length, -1);
  }

  /** Calls `found` once for each pattern that matches the text. */
  match(text: string, found: (pattern: string) => void): void {
    if (this.#groups.size === 0) return;
    const bytes = bytesAsText(text);
    const lengthMax = Math.min(bytes.length, this.#lengths.length - 1);
    for (let length = 0; length <= lengthMax; length++) {
      if (this.#lengths[length] === 0) continue;
      const group = this.#groups.get(bytes.slice(0, length));
      if (group === undefined) continue;
      for (const [pattern, whole] of group) if (matchesBytes(whole, bytes)) found(pattern);
    }
  }

  #count(length: number, change: number): void {
    while (this.#lengths.length <= length) this.#lengths.push(0);
    this.#lengths[length]! += change;
  }
}
