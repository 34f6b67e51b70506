import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { Target } from '../targets.ts';
import { type Dialect, LiveLoad, type LiveShape, payloadOf, ringOf } from './load.ts';
import { PatternReader } from './pattern-reader.ts';

const UNIT = payloadOf(10);
/** More than fit in the window. */
const MESSAGES = 300;
const SHAPE: LiveShape = { publishers: 1, subscribers: 2, payloadBytes: 10, window: 100 };

/** The first byte says what a connection is; every message is one unit, and is confirmed by one byte if asked. */
const dialect = (confirms: boolean): Dialect<LiveShape> => ({
  async subscribe(wire) {
    await wire.ask('s', (bytes) => bytes.length);
    const reader = new PatternReader(UNIT);
    return {
      get delivered() {
        return reader.frames;
      },
      read: (buffer, start, end) => reader.read(buffer, start, end),
    };
  },
  async publish(wire, _name, { window }) {
    await wire.ask(confirms ? 'c' : 'p', (bytes) => bytes.length);
    let confirmed = 0;
    return {
      ring: ringOf(window, () => UNIT),
      unitBytes: UNIT.length,
      get confirmed() {
        return confirms ? confirmed : undefined;
      },
      read: (_buffer, start, end) => {
        confirmed += end - start;
        return end;
      },
    };
  },
});

let server: Server;
const sockets = new Set<Socket>();

afterEach(() => {
  for (const socket of sockets) socket.destroy();
  server.close();
});

/** A broker that sends each subscriber what `pass` makes of what was published. */
async function broker(pass: (bytes: Buffer, subscriber: number) => Buffer): Promise<Target> {
  const subscribers: Socket[] = [];
  server = createServer((socket) => {
    let kind = '';
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('data', (bytes: Buffer) => {
      if (kind === '') {
        kind = bytes.toString();
        if (kind === 's') subscribers.push(socket);
        socket.write('k');
        return;
      }
      subscribers.forEach((subscriber, i) => {
        subscriber.write(pass(bytes, i));
      });
      if (kind === 'c') socket.write(Buffer.alloc(bytes.length / UNIT.length));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const host = '127.0.0.1';
  return { name: 'test', version: '', host, port, pids: [], stop: async () => {} };
}

async function run(
  target: Target,
  options: { shape?: LiveShape; confirms?: boolean; stalls?: Promise<void> } = {},
): Promise<number> {
  const { shape = SHAPE, confirms = false, stalls } = options;
  const load = await LiveLoad.open(target, dialect(confirms), shape);
  load.start();
  const enough = async () => {
    while (load.delivered < shape.subscribers * MESSAGES) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  try {
    if (stalls === undefined) await Promise.race([enough(), load.failed]);
    else await stalls;
    await load.stop(stalls ? 200 : undefined);
  } finally {
    load.destroy();
  }
  return load.delivered;
}

describe('a load of publishers and subscribers', () => {
  it.each([false, true])(
    'counts what every subscriber gets, with confirms: %s',
    async (confirms) => {
      const target = await broker((bytes) => bytes);
      const delivered = await run(target, { confirms });
      expect(delivered).toBeGreaterThanOrEqual(2 * MESSAGES);
      expect(delivered % SHAPE.subscribers).toBe(0);
    },
  );

  it('keeps no more in flight than its window, counted from the slowest subscriber', async () => {
    let first = 0;
    let full = () => {};
    const stalls = new Promise<void>((resolve) => {
      full = resolve;
    });
    const target = await broker((bytes, subscriber) => {
      if (subscriber === 0) first += bytes.length / UNIT.length;
      if (first >= SHAPE.window) full();
      return subscriber === 0 ? bytes : Buffer.alloc(0);
    });
    await expect(run(target, { stalls })).rejects.toThrow(/100 published, .* got 0 to 100/);
    expect(first).toBe(SHAPE.window);
  });

  it('lets many publishers send in turn', async () => {
    const target = await broker((bytes) => bytes);
    const shape = { ...SHAPE, publishers: 10 };
    expect(await run(target, { shape, confirms: true })).toBeGreaterThanOrEqual(2 * MESSAGES);
  });

  it.each([
    [
      'more than was published',
      (bytes: Buffer) => Buffer.concat([bytes, UNIT]),
      /more came|not all/,
    ],
    ['half a message', (bytes: Buffer) => bytes.subarray(5), /not what was published/],
    ['a damaged message', (bytes: Buffer) => Buffer.from(bytes).fill(0, 0, 10), /not what was/],
  ])('fails when a subscriber gets %s', async (_, damage, message) => {
    let done = false;
    const target = await broker((bytes, subscriber) => {
      if (done || subscriber === 0) return bytes;
      done = true;
      return damage(bytes);
    });
    await expect(run(target)).rejects.toThrow(message);
  });

  it('fails when a subscriber gets more than was published', async () => {
    let more = UNIT;
    const target = await broker((bytes, subscriber) => {
      if (subscriber === 0) return bytes;
      const all = Buffer.concat([bytes, more]);
      more = Buffer.alloc(0);
      return all;
    });
    const stalls = new Promise<void>((resolve) => setTimeout(resolve, 20));
    await expect(run(target, { stalls })).rejects.toThrow('more came than was published');
  });

  it('fails when a connection is cut', async () => {
    const target = await broker((bytes) => bytes);
    const load = await LiveLoad.open(target, dialect(false), SHAPE);
    load.start();
    for (const socket of sockets) socket.destroy();
    await expect(load.failed).rejects.toThrow(/cut|closed|reset/i);
    load.destroy();
  });
});
