import { describe, expect, it } from 'vitest';
import { ByteBudget } from '../../lib/byte-budget.ts';
import { ProtocolError } from '../../lib/bytes/protocol-error.ts';
import { silentLogger } from '../../lib/logger.ts';
import type { Connection } from '../../net/connection.ts';
import type { RequestHeader } from './codec/headers.ts';
import type { KafkaServer } from './server.ts';
import { KafkaSession } from './session.ts';

const PRODUCE = 0;
const FETCH = 1;

/** A frame that is all header: size, key, version 0, correlation id, no client id. */
function frame(apiKey: number, correlationId: number, bodyBytes = 0): Buffer {
  const bytes = Buffer.alloc(14 + bodyBytes);
  bytes.writeInt32BE(bytes.length - 4, 0);
  bytes.writeInt16BE(apiKey, 4);
  bytes.writeInt32BE(correlationId, 8);
  bytes.writeInt16BE(-1, 12);
  return bytes;
}

/** A session whose requests the test answers by hand. */
class Bench {
  readonly requestBytes = new ByteBudget(1024 * 1024 * 1024);
  readonly started: number[] = [];
  readonly written: string[] = [];
  paused = false;
  ended = false;
  destroyed = false;
  failed: ProtocolError | undefined;
  writable = true;
  readonly session: KafkaSession;
  readonly #answers = new Map<number, (buffers: Buffer[]) => void>();
  readonly #errors = new Map<number, (error: Error) => void>();

  constructor() {
    const connection = {
      pendingBytes: 0,
      closed: false,
      write: (buffers: Buffer[]) => {
        this.written.push(Buffer.concat(buffers).toString());
        return this.writable;
      },
      pause: () => {
        this.paused = true;
      },
      resume: () => {
        this.paused = false;
      },
      end: () => {
        this.ended = true;
      },
      destroy: () => {
        this.destroyed = true;
      },
      fail: (error: ProtocolError) => {
        this.failed = error;
      },
    };
    const server = {
      logger: silentLogger,
      requestBytes: this.requestBytes,
      responseBytes: new ByteBudget(1),
      environment: { timers: { immediate: (callback: () => void) => setImmediate(callback) } },
      handle: (_frame: Buffer, header: RequestHeader) => {
        this.started.push(header.correlationId);
        return new Promise<Buffer[]>((resolve, reject) => {
          this.#answers.set(header.correlationId, resolve);
          this.#errors.set(header.correlationId, reject);
        });
      },
    };
    this.session = new KafkaSession(
      connection as unknown as Connection,
      server as unknown as KafkaServer,
    );
  }

  async answer(correlationId: number, text = `r${correlationId};`): Promise<void> {
    this.#answers.get(correlationId)!(text === '' ? [] : [Buffer.from(text)]);
    await settled();
  }

  async reject(correlationId: number, error: Error): Promise<void> {
    this.#errors.get(correlationId)!(error);
    await settled();
  }
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 4; turn++) await new Promise((resolve) => setImmediate(resolve));
}

describe('KafkaSession', () => {
  it('starts a request only when the one before it was answered', async () => {
    const bench = new Bench();
    bench.session.onFrame(frame(FETCH, 1));
    bench.session.onFrame(frame(FETCH, 2));
    expect(bench.started).toEqual([1]);
    await bench.answer(1);
    expect(bench.started).toEqual([1, 2]);
    expect(bench.written).toEqual(['r1;']);
  });

  it('lets produce requests overlap, and answers them in order', async () => {
    const bench = new Bench();
    for (const id of [1, 2, 3]) bench.session.onFrame(frame(PRODUCE, id));
    expect(bench.started).toEqual([1, 2, 3]);
    await bench.answer(2);
    expect(bench.written).toEqual([]);
    await bench.answer(1);
    expect(bench.written).toEqual(['r1;r2;']);
    await bench.answer(3);
    expect(bench.written).toEqual(['r1;r2;', 'r3;']);
  });

  it('holds a fetch back while produce requests run, and produce behind the fetch', async () => {
    const bench = new Bench();
    bench.session.onFrame(frame(PRODUCE, 1));
    bench.session.onFrame(frame(FETCH, 2));
    bench.session.onFrame(frame(PRODUCE, 3));
    expect(bench.started).toEqual([1]);
    await bench.answer(1);
    expect(bench.started).toEqual([1, 2]);
    await bench.answer(2);
    expect(bench.started).toEqual([1, 2, 3]);
  });

  it('sends nothing for a request that wants no response', async () => {
    const bench = new Bench();
    bench.session.onFrame(frame(PRODUCE, 1));
    bench.session.onFrame(frame(FETCH, 2));
    await bench.answer(1, '');
    await bench.answer(2);
    expect(bench.written).toEqual(['r2;']);
  });

  it('stops reading at 256 requests or 64 MiB under way and resumes below', async () => {
    const bench = new Bench();
    for (let id = 0; id < 256; id++) bench.session.onFrame(frame(PRODUCE, id));
    expect(bench.paused).toBe(true);
    await bench.answer(0);
    expect(bench.paused).toBe(false);

    const large = new Bench();
    large.session.onFrame(frame(PRODUCE, 0, 64 * 1024 * 1024));
    expect(large.paused).toBe(true);
    await large.answer(0);
    expect(large.paused).toBe(false);
  });

  it('stops reading while all connections together have too much under way', async () => {
    const bench = new Bench();
    const others = bench.requestBytes.bytesMax;
    bench.requestBytes.charge(others);
    bench.session.onFrame(frame(FETCH, 1));
    expect(bench.paused).toBe(true);
    bench.requestBytes.release(others);
    expect(bench.paused).toBe(false);
    await bench.answer(1);
    expect(bench.requestBytes.used).toBe(0);
  });

  it('gives back what it was charged for when the connection closes', async () => {
    const bench = new Bench();
    bench.session.onFrame(frame(FETCH, 1));
    bench.session.onFrame(frame(FETCH, 2));
    bench.session.onClose();
    await bench.answer(1);
    expect(bench.requestBytes.used).toBe(0);
  });

  it('stops reading while responses wait in the socket', async () => {
    const bench = new Bench();
    bench.writable = false;
    bench.session.onFrame(frame(FETCH, 1));
    await bench.answer(1);
    expect(bench.paused).toBe(true);
    bench.session.onDrain();
    expect(bench.paused).toBe(false);
  });

  it('closes the connection when the bytes of a request cannot be decoded', async () => {
    const bench = new Bench();
    bench.session.onFrame(frame(FETCH, 1));
    await bench.reject(1, new ProtocolError('count of topics too large'));
    expect(bench.failed?.message).toMatch(/count of topics/);
  });

  it('cuts the connection when a handler fails in a way nobody foresaw', async () => {
    const bench = new Bench();
    bench.session.onFrame(frame(FETCH, 1));
    await bench.reject(1, new TypeError('bug'));
    expect(bench.destroyed).toBe(true);
  });

  it('answers what runs and forgets what waits when it drains', async () => {
    const bench = new Bench();
    bench.session.onFrame(frame(FETCH, 1));
    bench.session.onFrame(frame(FETCH, 2));
    bench.session.drain();
    expect(bench.ended).toBe(false);
    await bench.answer(1);
    expect(bench.written).toEqual(['r1;']);
    expect(bench.started).toEqual([1]);
    expect(bench.ended).toBe(true);
  });
});
