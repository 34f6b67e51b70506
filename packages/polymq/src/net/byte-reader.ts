import type { ArenaPool, ArenaWriter } from '../lib/arena.ts';

/** What all readers of a thread read into. */
export interface ReadMemory {
  /** Callbacks consume it before they return. */
  readonly scratch: Buffer;
  readonly arenas: ArenaPool;
  /** Where small frames are copied out of the scratch buffer. */
  readonly frames: ArenaWriter;
}

/** Turns what a socket delivers into what a session takes: frames (`FrameReader`) or spans (`SpanReader`). */
export interface ByteReader {
  /** Where the next bytes belong; at least one byte of room. */
  buffer(): Buffer;
  /** `count` bytes have arrived where `buffer()` said. Throws `ProtocolError`. */
  onRead(count: number): void;
  /** The session that had stopped consuming goes on. Does nothing where sessions cannot stop. */
  proceed(): void;
  /** Hands out nothing any more, not even what has arrived already. */
  stop(): void;
}
