/** The topic aliases that the broker has given out on one connection (§3.3.2.3.4): the first topics that come get one. */
export class TopicAliases {
  readonly #max: number;
  readonly #aliases = new Map<string, number>();

  constructor(max: number) {
    this.#max = max;
  }

  /** The alias that the client knows for the topic; 0 if none. */
  get(topic: string): number {
    return this.#aliases.get(topic) ?? 0;
  }

  /** A new alias for the topic, which must be sent along with it; 0 if there are no more. */
  add(topic: string): number {
    const alias = this.#aliases.size + 1;
    if (alias > this.#max) return 0;
    this.#aliases.set(topic, alias);
    return alias;
  }
}
