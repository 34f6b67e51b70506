import { describe, expect, it } from 'vitest';
import { ArenaPool, ArenaWriter } from '../lib/arena.ts';
import { SpanReader } from './span-reader.ts';

function openReader(consume: (buffer: Buffer, start: number, end: number) => number): SpanReader {
  const arenas = new ArenaPool(1024 * 1024);
  const frames = new ArenaWriter(arenas, 1024);
  return new SpanReader({ scratch: Buffer.alloc(64), arenas, frames }, consume);
}

function feed(reader: SpanReader, text: string): void {
  let rest = Buffer.from(text, 'latin1');
  while (rest.length > 0) {
    const room = reader.buffer();
    const count = rest.copy(room, 0);
    reader.onRead(count);
    rest = rest.subarray(count);
  }
}

/** Takes lines; leaves what has no end yet. */
function takeLines(lines: string[]): (buffer: Buffer, start: number, end: number) => number {
  return (buffer, start, end) => {
    const last = buffer.lastIndexOf(0x0a, end - 1);
    if (last < start) return 0;
    lines.push(...buffer.toString('latin1', start, last).split('\n'));
    return last + 1 - start;
  };
}

describe('span reader', () => {
  it('gives the rest again with what follows it, however the bytes were cut', () => {
    const text = Array.from({ length: 50 }, (_, line) => 'x'.repeat(line)).join('\n');
    for (let cut = 1; cut < 70; cut += 3) {
      const lines: string[] = [];
      const reader = openReader(takeLines(lines));
      for (let at = 0; at <= text.length; at += cut) feed(reader, text.slice(at, at + cut));
      feed(reader, '\n');
      expect(lines.join('\n')).toBe(text);
      expect(reader.waitingBytes).toBe(0);
    }
  });

  it('waits for a session that has stopped consuming, and goes on with it', () => {
    const seen: string[] = [];
    let open = false;
    const reader = openReader((buffer, start, end) => {
      if (!open) return 0;
      seen.push(buffer.toString('latin1', start, end));
      return end - start;
    });
    feed(reader, 'ab');
    feed(reader, 'c'.repeat(300_000));
    expect(seen).toEqual([]);
    open = true;
    reader.proceed();
    expect(seen.join('')).toBe(`ab${'c'.repeat(300_000)}`);
  });

  it('finds the next bytes where the socket was told to put them before the session went on', () => {
    const lines: string[] = [];
    let open = false;
    const take = takeLines(lines);
    const reader = openReader((buffer, start, end) => (open ? take(buffer, start, end) : 0));
    feed(reader, 'ab\ncd\ne');
    const room = reader.buffer();
    open = true;
    reader.proceed();
    expect(reader.waitingBytes).toBe(1);
    reader.onRead(room.write('f\ngh\n'));
    feed(reader, 'i\n');
    expect(lines).toEqual(['ab', 'cd', 'ef', 'gh', 'i']);
    expect(reader.waitingBytes).toBe(0);
  });

  it('does not give bytes twice to a session that proceeds while it is called', () => {
    const seen: string[] = [];
    const reader: SpanReader = openReader((buffer, start, end) => {
      seen.push(buffer.toString('latin1', start, end));
      if (seen.length === 1) return 0;
      reader.proceed();
      return end - start;
    });
    feed(reader, 'ab');
    feed(reader, 'c');
    expect(seen).toEqual(['ab', 'abc']);
  });

  it('refuses to grow without end', () => {
    const reader = openReader(() => 0);
    expect(() => feed(reader, 'x'.repeat(5 * 1024 * 1024))).toThrow(/larger than/);
  });

  it('hands out nothing after it was stopped', () => {
    const lines: string[] = [];
    const reader = openReader(takeLines(lines));
    feed(reader, 'a\nb');
    reader.stop();
    feed(reader, '\nc\n');
    expect(lines).toEqual(['a']);
  });
});
