/** RESP2 as load: PUBLISH requests of one length, `message` pushes that are all alike. */
import { type Dialect, type LiveShape, payloadOf, ringOf } from '../lib/live/load.ts';
import { PatternReader } from '../lib/live/pattern-reader.ts';

/** A request or a push: an array of bulk strings. */
export function respArray(...items: readonly (string | Buffer)[]): Buffer {
  const parts: (string | Buffer)[] = [`*${items.length}\r\n`];
  for (const item of items) parts.push(`$${Buffer.byteLength(item)}\r\n`, item, '\r\n');
  return Buffer.concat(parts.map((part) => Buffer.from(part as string)));
}

export const redisDialect: Dialect<LiveShape> = {
  async subscribe(wire, name, { payloadBytes }) {
    const answer = Buffer.concat([respArray('subscribe', name), Buffer.from(':1\r\n')]);
    // The count is a third element.
    answer[1] = 0x33;
    const got = await wire.ask(respArray('SUBSCRIBE', name), (bytes) =>
      bytes[0] === 0x2d || bytes.length >= answer.length ? bytes.length : 0,
    );
    if (!got.equals(answer)) throw new Error(`SUBSCRIBE was answered ${got.toString('latin1')}`);
    const reader = new PatternReader(respArray('message', name, payloadOf(payloadBytes)));
    return {
      get delivered() {
        return reader.frames;
      },
      read: (buffer, start, end) => reader.read(buffer, start, end),
    };
  },

  async publish(_wire, name, { payloadBytes, window, publishers, subscribers }) {
    const unit = respArray('PUBLISH', name, payloadOf(payloadBytes));
    const reader = new PatternReader(Buffer.from(`:${subscribers}\r\n`));
    return {
      ring: ringOf(window / publishers, () => unit),
      unitBytes: unit.length,
      get confirmed() {
        return reader.frames;
      },
      read: (buffer, start, end) => reader.read(buffer, start, end),
    };
  },
};
