import { describe, expect, test } from 'vitest';
import type { Output } from '../../net/output.ts';
import { Receipts } from './receipts.ts';

function kit() {
  const receipts = new Receipts();
  let text = '';
  const output = {
    position: 0,
    reserve(bytes: number) {
      const buffer = Buffer.alloc(bytes);
      queueMicrotask(() => undefined);
      this.position = 0;
      written.push(buffer);
      return buffer;
    },
  };
  const written: Buffer[] = [];
  const add = (id: string, position: number, streams?: Promise<void>, onReady?: () => void) => {
    const bytes = Buffer.from(`..${id}..`);
    receipts.add(bytes, 2, bytes.length - 2, position, streams, onReady);
  };
  /** The ids of the receipts that were sent when the journal has come so far. */
  const send = (committed: number): string[] => {
    receipts.send(committed, output as unknown as Output);
    text = Buffer.concat(written.splice(0)).toString();
    return [...text.matchAll(/RECEIPT\nreceipt-id:([^\n]*)\n\n\0\n/g)].map(([, id]) => id!);
  };
  return { receipts, add, send };
}

describe('receipts', () => {
  test('leave in the order of their frames when the journal has come so far', () => {
    const { add, send, receipts } = kit();
    add('a', 5);
    add('b', 5);
    add('c', 7);
    expect(send(4)).toEqual([]);
    expect(send(5)).toEqual(['a', 'b']);
    expect(receipts.empty).toBe(false);
    expect(send(9)).toEqual(['c']);
    expect(receipts.empty).toBe(true);
  });

  test('wait for those before them, even if they need no journal', () => {
    const { add, send } = kit();
    add('a', 5);
    add('b', 0);
    expect(send(4)).toEqual([]);
    expect(send(5)).toEqual(['a', 'b']);
  });

  test('wait for streams too', async () => {
    const { add, send } = kit();
    let done!: () => void;
    const ready = new Promise<void>((resolve) => {
      add('a', 1, new Promise((settle) => (done = settle)), resolve);
    });
    add('b', 1);
    expect(send(1)).toEqual([]);
    done();
    await ready;
    expect(send(1)).toEqual(['a', 'b']);
  });

  test('fail if a stream has not taken its message', async () => {
    const { add, send } = kit();
    add('before', 0);
    await new Promise<void>((resolve) => {
      add('a', 1, Promise.reject(new Error('full')), resolve);
    });
    expect(() => send(1)).toThrow('a stream has not taken a message');
  });

  test('keep their ids however many wait', () => {
    const { add, send } = kit();
    const ids = Array.from({ length: 5_000 }, (_, index) => `id-${index}`);
    for (const [index, id] of ids.entries()) {
      add(id, index);
      if (index % 7 === 0) expect(send(index - 3).every((sent) => ids.includes(sent))).toBe(true);
    }
    const rest = send(10_000);
    expect(rest).toEqual(ids.slice(-rest.length));
  });
});
