import { describe, expect, it } from 'vitest';
import { ArenaPool, release } from '../lib/arena.ts';
import type { Connection } from './connection.ts';
import { Output } from './output.ts';
import { SharedFrames } from './shared-frames.ts';

const MIB = 1024 * 1024;

/** A connection whose kernel takes what is written when the test says so, or at once. */
class Peer {
  readonly arenas: ArenaPool = new ArenaPool(8 * MIB);
  readonly output: Output;
  /** What each write held. */
  readonly writes: string[] = [];
  /** How many buffers each write was made of. */
  readonly pieces: number[] = [];
  takesAll = true;
  pendingBytes = 0;
  closed = false;
  dirty = 0;
  drains = 0;
  /** How much of what was written lies in the output's own memory. */
  ownBytes = 0;
  #waiting: (() => void)[] = [];

  constructor() {
    this.output = new Output(this as unknown as Connection, this.arenas, () => {
      this.dirty += 1;
    });
  }

  write(pieces: Buffer[], bytes: number, done: () => void): boolean {
    this.writes.push(Buffer.concat(pieces).toString());
    this.pieces.push(pieces.length);
    for (const piece of pieces) {
      if (piece.buffer.byteLength < MIB) this.ownBytes += piece.length;
    }
    this.#waiting.push(done);
    if (!this.takesAll) this.pendingBytes += bytes;
    return true;
  }

  /** The kernel has everything. */
  sent(): void {
    this.pendingBytes = 0;
    for (const done of this.#waiting.splice(0)) done();
  }

  onDrain(): void {
    this.drains += 1;
    this.output.drained();
  }
}

/** Writes a frame that all the peers get. */
function publish(frames: SharedFrames, text: string, peers: readonly Peer[]): void {
  const buffer = frames.reserve(text.length);
  const start = frames.position;
  frames.position += buffer.write(text, start);
  for (const peer of peers) peer.output.shared(buffer, start, frames.position);
}

describe('what goes out on a connection', () => {
  it('leaves memory that it was lent to its owner, and says when it is done with it', () => {
    const peer = new Peer();
    const lent = peer.arenas.take(128 * 1024);
    lent.fill('x');
    let letGo = 0;
    peer.output.frame(Buffer.from('head'));
    for (const start of [0, 1000]) {
      peer.output.slice(lent.subarray(start, start + 1000), () => {
        letGo += 1;
      });
    }
    peer.output.frame(Buffer.from('tail'));
    peer.output.flush();
    expect(letGo).toBe(0);
    peer.sent();
    expect(letGo).toBe(2);
    expect(peer.writes).toEqual([`head${'x'.repeat(2000)}tail`]);
    expect(peer.arenas.take(lent.length).buffer).not.toBe(lent.buffer);
    release(lent);
    expect(peer.arenas.take(lent.length).buffer).toBe(lent.buffer);
  });

  it('lets go of what it was lent when the connection is over, whether it was flushed or not', () => {
    let letGo = 0;
    for (const end of [(peer: Peer) => peer.output.close(), (peer: Peer) => peer.output.flush()]) {
      const peer = new Peer();
      peer.output.slice(Buffer.from('lent'), () => {
        letGo += 1;
      });
      peer.closed = true;
      end(peer);
      expect(peer.writes).toEqual([]);
    }
    expect(letGo).toBe(2);
  });

  it('gives its own memory back when the kernel has it', () => {
    const peer = new Peer();
    peer.output.frame(Buffer.from('frame'));
    peer.output.flush();
    expect(peer.arenas.pooledBytes).toBe(0);
    peer.sent();
    expect(peer.arenas.pooledBytes).toBeGreaterThan(0);
  });

  it('takes back what was written since a mark, also in new memory', () => {
    const peer = new Peer();
    peer.output.frame(Buffer.alloc(64 * 1024 - 3, 'a'));
    const mark = peer.output.mark();
    peer.output.frame(Buffer.from('too long for the rest'));
    peer.output.rewind(mark);
    peer.output.frame(Buffer.from('b'));
    peer.output.flush();
    expect(peer.writes[0]!.slice(-3)).toBe('aab');
  });

  it('asks to be flushed once, and again after it was', () => {
    const peer = new Peer();
    peer.output.frame(Buffer.from('1'));
    peer.output.frame(Buffer.from('2'));
    expect(peer.dirty).toBe(1);
    peer.output.flush();
    peer.output.frame(Buffer.from('3'));
    expect(peer.dirty).toBe(2);
  });

  it('is full when as much waits as may leave in one turn', () => {
    const peer = new Peer();
    peer.output.frame(Buffer.alloc(MIB - 1));
    expect(peer.output.full).toBe(false);
    peer.output.frame(Buffer.alloc(1));
    expect(peer.output.full).toBe(true);
  });
});

describe('frames that many connections get', () => {
  it('are written once and leave as one piece when they lie side by side', () => {
    const frames = new SharedFrames(new ArenaPool(8 * MIB));
    const peers = [new Peer(), new Peer()];
    for (const text of ['one', 'two', 'three']) publish(frames, text, peers);
    for (const peer of peers) {
      expect(peer.output.bytes).toBe(11);
      peer.output.flush();
      expect(peer.writes).toEqual(['onetwothree']);
      expect(peer.pieces).toEqual([1]);
      expect(peer.output.bytes).toBe(0);
    }
  });

  it('keep their place among what the connection writes for itself', () => {
    const frames = new SharedFrames(new ArenaPool(8 * MIB));
    const peer = new Peer();
    const other = new Peer();
    publish(frames, 'a', [peer]);
    peer.output.frame(Buffer.from('B'));
    publish(frames, 'c', [peer]);
    publish(frames, 'x', [other]);
    publish(frames, 'd', [peer]);
    peer.output.mark();
    peer.output.frame(Buffer.from('E'));
    peer.output.flush();
    expect(peer.writes).toEqual(['aBcdE']);
    expect(peer.pieces).toEqual([1]);
  });

  it('are copied where they are short and others lie in between, until they go on', () => {
    const frames = new SharedFrames(new ArenaPool(8 * MIB));
    const peer = new Peer();
    const other = new Peer();
    for (let index = 0; index < 100; index++)
      publish(frames, `${index},`, [index % 2 ? other : peer]);
    const long = 'x'.repeat(2000);
    publish(frames, long, [peer]);
    for (let index = 0; index < 100; index++) publish(frames, `${index};`, [peer]);
    peer.output.flush();
    const even = Array.from({ length: 50 }, (_, index) => `${index * 2},`).join('');
    const all = Array.from({ length: 100 }, (_, index) => `${index};`).join('');
    expect(peer.writes).toEqual([`${even}${long}${all}`]);
    // The short ones together, then the long one and what follows it, which is not copied.
    expect(peer.pieces).toEqual([2]);
    expect(peer.ownBytes).toBe(even.length);
    other.output.flush();
    expect(other.pieces).toEqual([1]);
  });

  it('return to the pool although they were copied', () => {
    const arenas = new ArenaPool(8 * MIB);
    const frames = new SharedFrames(arenas);
    const peer = new Peer();
    for (const text of ['one', 'gap', 'two']) publish(frames, text, text === 'gap' ? [] : [peer]);
    peer.output.frame(Buffer.from('own'));
    peer.output.flush();
    expect(peer.writes).toEqual(['onetwoown']);
    frames.close();
    expect(arenas.pooledBytes).toBe(MIB);
  });

  it('return to the pool when the last connection has sent them', () => {
    const arenas = new ArenaPool(8 * MIB);
    const frames = new SharedFrames(arenas);
    const peers = [new Peer(), new Peer()];
    publish(frames, 'frame', peers);
    frames.reserve(MIB);
    for (const peer of peers) {
      peer.output.flush();
      expect(arenas.pooledBytes).toBe(0);
      peer.sent();
    }
    expect(arenas.pooledBytes).toBe(MIB);
  });

  it('return to the pool when a connection is over before it has sent them', () => {
    const arenas = new ArenaPool(8 * MIB);
    const frames = new SharedFrames(arenas);
    const [early, late] = [new Peer(), new Peer()];
    publish(frames, 'frame', [early, late]);
    frames.close();
    early.output.close();
    expect(arenas.pooledBytes).toBe(0);
    late.closed = true;
    late.output.flush();
    expect(arenas.pooledBytes).toBe(MIB);
    expect([...early.writes, ...late.writes]).toEqual([]);
  });

  it('stay as they are while they are kept, also when no connection holds them', () => {
    const arenas = new ArenaPool(8 * MIB);
    const frames = new SharedFrames(arenas);
    const first = frames.reserve(MIB);
    frames.position += first.write('first');
    const second = frames.reserve(MIB, true);
    expect(second.buffer).not.toBe(first.buffer);
    expect(frames.reserve(MIB).buffer).toBe(second.buffer);
    frames.settle();
    expect(arenas.pooledBytes).toBe(MIB);
    frames.close();
    expect(arenas.pooledBytes).toBe(2 * MIB);
  });

  it('may be larger than usual', () => {
    const frames = new SharedFrames(new ArenaPool(0));
    const peer = new Peer();
    publish(frames, 'x'.repeat(MIB + 1), [peer]);
    publish(frames, 'y', [peer]);
    peer.output.flush();
    expect(peer.writes[0]!.length).toBe(MIB + 2);
  });
});

describe('an output whose client does not read', () => {
  it('gives the socket nothing more until it has drained, and then everything at once', () => {
    const peer = new Peer();
    peer.takesAll = false;
    peer.output.frame(Buffer.from('one'));
    expect(peer.output.flush()).toBe(false);
    expect(peer.output.blocked).toBe(true);
    peer.output.frame(Buffer.from('two'));
    expect(peer.output.flush()).toBe(false);
    peer.output.frame(Buffer.from('three'));
    expect(peer.output.bytes).toBe(11);
    peer.sent();
    expect([peer.drains, peer.output.blocked]).toEqual([1, false]);
    peer.output.flush();
    expect(peer.writes).toEqual(['one', 'twothree']);
  });

  it('asks to be flushed whenever more has come, so that somebody sees how much waits', () => {
    const peer = new Peer();
    peer.takesAll = false;
    const asked = Array.from({ length: 3 }, () => {
      peer.output.frame(Buffer.from('frame'));
      peer.output.frame(Buffer.from('frame'));
      peer.output.flush();
      return peer.dirty;
    });
    expect(asked).toEqual([1, 2, 3]);
    const frames = new SharedFrames(new ArenaPool(64 * MIB));
    for (let i = 0; i < 3; i++) {
      publish(frames, 'x'.repeat(2000), [peer]);
      publish(frames, 'y', [peer]);
      peer.output.flush();
      asked.push(peer.dirty);
    }
    expect(asked).toEqual([1, 2, 3, 4, 5, 6]);
    peer.sent();
    expect(peer.dirty).toBe(7);
    peer.output.flush();
    expect(peer.pieces).toEqual([1, 2]);
    expect(peer.writes[1]).toBe(`${'frame'.repeat(4)}${`${'x'.repeat(2000)}y`.repeat(3)}`);
  });

  it('stays blocked while anything waits in the socket', () => {
    const peer = new Peer();
    peer.takesAll = false;
    peer.output.frame(Buffer.from('one'));
    peer.output.flush();
    peer.output.drained();
    expect(peer.output.blocked).toBe(true);
  });

  it('writes last words all the same', () => {
    const peer = new Peer();
    peer.takesAll = false;
    for (const text of ['one', 'two']) {
      peer.output.frame(Buffer.from(text));
      peer.output.flush();
    }
    peer.output.finish();
    expect(peer.writes).toEqual(['one', 'two']);
  });

  /** A message to all, then so much to others, so many times. Returns how much memory that took. */
  function publishMany(peers: readonly Peer[], times: number, bytes: number, othersBytes: number) {
    const frames = new SharedFrames(new ArenaPool(64 * MIB));
    const memory = new Set<ArrayBufferLike>();
    let text = '';
    for (let i = 0; i < times; i++) {
      const message = `${i}`.padEnd(bytes, '.');
      text += message;
      publish(frames, message, peers);
      for (const peer of peers) peer.output.flush();
      memory.add(frames.reserve(othersBytes).buffer);
      frames.position += othersBytes;
    }
    return { text, arenas: memory.size };
  }

  function stalledPeer(): Peer {
    const peer = new Peer();
    peer.takesAll = false;
    return peer;
  }

  it('does not keep the shared memory of every message that comes now and then', () => {
    for (const bytes of [10, 2000]) {
      const peer = stalledPeer();
      const { text, arenas } = publishMany([peer], 40, bytes, MIB - 5000);
      // That of the one write, the few that a blocked output may keep, and those that are written to.
      expect(arenas).toBeLessThan(9);
      expect(peer.output.bytes).toBe(text.length);
      peer.sent();
      peer.output.flush();
      expect(peer.writes.join('')).toBe(text);
    }
  });

  it('shares the memory of messages that come one behind the other with all that are stalled', () => {
    const peers = [stalledPeer(), stalledPeer()];
    const { text } = publishMany(peers, 30_000, 500, 0);
    for (const peer of peers) {
      expect(peer.output.bytes).toBe(text.length);
      peer.sent();
      peer.output.flush();
      expect(peer.writes.join('')).toBe(text);
      // One per arena, not one per message.
      expect(peer.pieces[1]).toBeLessThan(40);
      expect(peer.ownBytes).toBeLessThan(MIB);
    }
  });

  it('does not make a piece of each small range between small frames of its own', () => {
    const frames = new SharedFrames(new ArenaPool(64 * MIB));
    const peer = stalledPeer();
    for (let i = 0; i < 1000; i++) {
      peer.output.frame(Buffer.from(`head ${i},`));
      publish(frames, `body ${i};`, [peer]);
      peer.output.flush();
    }
    peer.sent();
    peer.output.flush();
    expect(peer.pieces).toEqual([1, 1]);
    expect(peer.writes.join('')).toMatch(/^head 0,body 0;head 1,body 1;.*head 999,body 999;$/);
  });
});
