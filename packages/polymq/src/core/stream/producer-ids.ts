/**
 * Producer ids, never given out twice: a block is reserved in the meta log before its first id is
 * used, so that a restart at worst skips the rest of a block.
 */
import type { ProducerIds } from '../broker.ts';
import type { MetaJournal, MetaWriter } from '../meta/meta-journal.ts';

const BLOCK_IDS = 1000;

interface Reserve {
  /** The first id that is not reserved. */
  end: number;
}

export function openProducerIds(meta: MetaJournal): ProducerIds {
  return new JournaledProducerIds(meta);
}

class JournaledProducerIds implements ProducerIds {
  readonly #writer: MetaWriter<Reserve>;
  #reservedEnd = 0;
  #next = 0;
  /** The end of the block that `#next` walks through. */
  #end = 0;
  #reserving: Promise<void> | undefined;

  constructor(meta: MetaJournal) {
    this.#writer = meta.register<Reserve, number>({
      name: 'producer-ids',
      apply: (command) => {
        this.#reservedEnd = Math.max(this.#reservedEnd, command.end);
      },
      save: () => this.#reservedEnd,
      load: (state) => {
        this.#reservedEnd = state;
      },
    });
  }

  async next(): Promise<number> {
    while (this.#next >= this.#end) {
      this.#reserving ??= this.#reserve().finally(() => {
        this.#reserving = undefined;
      });
      await this.#reserving;
    }
    return this.#next++;
  }

  async #reserve(): Promise<void> {
    const start = this.#reservedEnd;
    await this.#writer.propose({ end: start + BLOCK_IDS });
    this.#next = start;
    this.#end = start + BLOCK_IDS;
  }
}
