/**
 * What a channel in confirm mode still owes its publisher.
 *
 * Messages are numbered as they come. At the end of each burst of them one entry notes up to which number the
 * journal's position reaches; when the journal has committed that far, one cumulative `basic.ack` answers them all.
 * Entries are in the order of numbers and positions alike, so only the first is looked at.
 */
import { Fifo } from '../../lib/fifo.ts';

interface Burst {
  /** The last message of it. */
  last: number;
  /** Where the journal must have come to. */
  position: number;
  /** What has become of the records it sent to streams; `answered`: a refusal that was told at once. */
  streams: 'pending' | 'committed' | 'failed' | 'answered';
}

export class Confirms {
  readonly #bursts = new Fifo<Burst>();
  /** The number of the message published last. */
  published = 0;
  /** Whether what `take` returned last must be refused instead: a stream could not take it. */
  refused = false;
  /** The number up to which the publisher has its answers. */
  #confirmed = 0;
  /** The number up to which bursts are noted. */
  #noted = 0;

  /** Messages without an answer. */
  get pending(): number {
    return this.published - this.#confirmed;
  }

  /** Notes the messages since the last call. Returns whether there were any. */
  note(position: number, streams: Promise<void> | undefined, onReady: () => void): boolean {
    if (this.#noted === this.published) return false;
    const burst: Burst = { last: this.published, position, streams: 'committed' };
    this.#noted = this.published;
    this.#bursts.push(burst);
    if (streams !== undefined) {
      burst.streams = 'pending';
      const settle = (outcome: Burst['streams']) => () => {
        burst.streams = outcome;
        onReady();
      };
      void streams.then(settle('committed'), settle('failed'));
    }
    return true;
  }

  /** The message published last has its answer, and what came before it is noted: no later answer may cover it. */
  skip(): void {
    this.#noted = this.published;
    if (this.pending === 1) this.#confirmed = this.published;
    else this.#bursts.push({ last: this.published, position: 0, streams: 'answered' });
  }

  /**
   * The number up to which everything is settled now and was not answered yet, or 0. Call it again until it is 0:
   * what is `refused` comes apart from the rest.
   */
  take(committed: number): number {
    let last = 0;
    this.refused = false;
    for (;;) {
      const burst = this.#bursts.peek();
      if (burst === undefined || burst.streams === 'pending' || burst.position > committed) break;
      if (burst.streams === 'answered') {
        if (last > 0) break;
        this.#bursts.take();
        this.#confirmed = burst.last;
        continue;
      }
      const refused = burst.streams === 'failed';
      if (refused && last > 0) break;
      last = burst.last;
      this.#bursts.take();
      this.refused = refused;
      if (refused) break;
    }
    return last;
  }

  /** How many of the messages up to `last` had no answer yet; they have it now. */
  confirm(last: number): number {
    const count = last - this.#confirmed;
    this.#confirmed = last;
    return count;
  }
}
