/**
 * Replies that wait for the disk: what PUBLISH has given to queues and streams must be safe before the publisher hears of
 * it. Replies leave in the order of the commands, so everything behind the first that waits, waits with it.
 *
 *   PUBLISH a  PUBLISH b  PUBLISH a │ burst ends: position 812      entry { [1, 3, 1], 812 }
 *   PUBLISH a                       │ burst ends: position 815      entry { [1], 815 }       ◄── committed 812: the first leaves
 *
 * All of one burst wait for one commit. Refusals are negative numbers (`errors.ts`).
 */
import { Fifo } from '../../lib/fifo.ts';
import type { Reply } from './codec/reply.ts';
import { REFUSAL, REFUSAL_TEXT } from './errors.ts';

interface Entry {
  counts: number[];
  /** The reply of an EXEC, in place of counts. */
  bytes: Buffer | undefined;
  /** Where the journal must have come to. */
  position: number;
  /** It has given messages to streams; so many have not been taken for good yet. */
  streamed: boolean;
  streamsPending: number;
  streamsFailed: boolean;
}

export class HeldReplies {
  readonly #entries = new Fifo<Entry>();
  readonly #onStream: () => void;
  /** The entry that this burst still adds to. */
  #open: Entry | undefined;
  #count = 0;

  /** `onStream`: called when a stream has taken or refused what it was given. */
  constructor(onStream: () => void) {
    this.#onStream = onStream;
  }

  /** Replies that wait, those of this burst among them. */
  get count(): number {
    return this.#count;
  }

  /** The reply of a PUBLISH that is safe when the journal has committed `position`, and streams have theirs. */
  add(count: number, position: number, streams?: Promise<void>): void {
    let entry = this.#open;
    const streamed = streams !== undefined;
    if (entry === undefined || entry.streamed !== streamed) {
      entry = this.#push(undefined, position, streamed);
      this.#open = entry;
    }
    entry.counts.push(count);
    entry.position = position;
    this.#count += 1;
    if (streams !== undefined) this.#await(entry, streams);
  }

  /** The reply of an EXEC. */
  addBytes(bytes: Buffer, position: number, streams: readonly Promise<void>[]): void {
    this.#open = undefined;
    const entry = this.#push(bytes, position, streams.length > 0);
    this.#count += 1;
    for (const stream of streams) this.#await(entry, stream);
  }

  /** What comes later does not hold up what was added. */
  endBurst(): void {
    this.#open = undefined;
  }

  /** Writes all that is safe. Returns whether something still waits. */
  write(committed: number, reply: Reply): boolean {
    for (;;) {
      const entry = this.#entries.peek();
      if (entry === undefined || entry.streamsPending > 0 || entry.position > committed) break;
      this.#entries.take();
      if (entry === this.#open) this.#open = undefined;
      this.#count -= entry.bytes === undefined ? entry.counts.length : 1;
      writeEntry(entry, reply);
    }
    return this.#count > 0;
  }

  #push(bytes: Buffer | undefined, position: number, streamed: boolean): Entry {
    const entry: Entry = {
      counts: [],
      bytes,
      position,
      streamed,
      streamsPending: 0,
      streamsFailed: false,
    };
    this.#entries.push(entry);
    return entry;
  }

  #await(entry: Entry, streams: Promise<void>): void {
    entry.streamsPending += 1;
    const settle = (failed: boolean) => () => {
      entry.streamsPending -= 1;
      if (failed) entry.streamsFailed = true;
      if (entry.streamsPending === 0) this.#onStream();
    };
    void streams.then(settle(false), settle(true));
  }
}

function writeEntry({ counts, bytes, streamsFailed: failed }: Entry, reply: Reply): void {
  if (bytes !== undefined) {
    if (failed) reply.error(REFUSAL_TEXT[REFUSAL.failed]!);
    else reply.raw(bytes);
    return;
  }
  for (const count of counts) writeCount(failed && count > 0 ? REFUSAL.failed : count, reply);
}

/** The reply of one PUBLISH. */
export function writeCount(count: number, reply: Reply): void {
  if (count >= 0) reply.integer(count);
  else reply.error(REFUSAL_TEXT[count]!);
}
