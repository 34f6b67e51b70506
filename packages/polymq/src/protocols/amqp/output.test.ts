import { describe, expect, it } from 'vitest';
import { ArenaPool, release } from '../../lib/arena.ts';
import type { Connection } from '../../net/connection.ts';
import { Output } from './output.ts';

/** A connection that keeps what is written until the test says that the kernel has it. */
function openOutput(): { output: Output; arenas: ArenaPool; written: Buffer[]; sent(): void } {
  const arenas = new ArenaPool(1 << 20);
  const written: Buffer[] = [];
  const waiting: (() => void)[] = [];
  const connection = {
    write: (pieces: Buffer[], _bytes: number, done: () => void) => {
      written.push(...pieces.map((piece) => Buffer.from(piece)));
      waiting.push(done);
      return true;
    },
  } as unknown as Connection;
  const sent = () => {
    for (const done of waiting.splice(0)) done();
  };
  return { output: new Output(connection, arenas, () => undefined), arenas, written, sent };
}

describe('what goes out on an AMQP connection', () => {
  it('leaves memory that it was lent to its owner, and says when it is done with it', () => {
    const { output, arenas, written, sent } = openOutput();
    const lent = arenas.take(128 * 1024);
    lent.fill('x');
    let letGo = 0;
    output.frame(Buffer.from('head'));
    for (const start of [0, 1000]) {
      output.slice(lent.subarray(start, start + 1000), () => {
        letGo += 1;
      });
    }
    output.frame(Buffer.from('tail'));
    output.flush();
    expect(letGo).toBe(0);
    sent();
    expect(letGo).toBe(2);
    const text = Buffer.concat(written).toString();
    expect(text).toBe(`head${'x'.repeat(2000)}tail`);
    expect(arenas.take(lent.length).buffer).not.toBe(lent.buffer);
    release(lent);
    expect(arenas.take(lent.length).buffer).toBe(lent.buffer);
  });

  it('gives its own memory back when the kernel has it', () => {
    const { output, arenas, sent } = openOutput();
    output.frame(Buffer.from('frame'));
    output.flush();
    expect(arenas.pooledBytes).toBe(0);
    sent();
    expect(arenas.pooledBytes).toBeGreaterThan(0);
  });
});
