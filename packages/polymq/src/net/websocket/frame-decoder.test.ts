import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FrameDecoder } from './frame-decoder.ts';
import { type ClientFrame, clientFrame } from './testing/client-frames.ts';

/** Keeps what comes out, in the order in which it does. */
class Sink {
  readonly events: string[] = [];
  payload = Buffer.alloc(0);
  readonly #room: Buffer;

  constructor(roomBytes: number) {
    this.#room = Buffer.alloc(roomBytes);
  }

  room(): Uint8Array {
    return this.#room;
  }

  filled(count: number): void {
    this.payload = Buffer.concat([this.payload, this.#room.subarray(0, count)]);
    this.events.push(`+${count}`);
  }

  control(opcode: number, payload: Buffer): void {
    this.events.push(`${opcode}:${payload.toString()}`);
  }

  get controls(): string[] {
    return this.events.filter((event) => !event.startsWith('+'));
  }
}

function decoded(pieces: readonly Buffer[], roomBytes = 1024, messageBytesMax = 1 << 20) {
  const sink = new Sink(roomBytes);
  const decoder = new FrameDecoder(sink, messageBytesMax);
  for (const piece of pieces) decoder.decode(piece, 0, piece.length);
  return { sink, decoder };
}

function split(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const sorted = [0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort(
    (a, b) => a - b,
  );
  return sorted.slice(1).map((end, i) => bytes.subarray(sorted[i]!, end));
}

const text = (value: string) => Buffer.from(value);
const SAMPLE = Buffer.concat([
  clientFrame({ opcode: 2, payload: text('hello, '), fin: false }),
  clientFrame({ opcode: 9, payload: text('ping') }),
  clientFrame({ opcode: 0, payload: text(''), fin: false }),
  clientFrame({ opcode: 0, payload: text('x'.repeat(300)) }),
  clientFrame({ opcode: 1, payload: text('world') }),
  clientFrame({ opcode: 10, payload: text('') }),
]);
const PAYLOAD = `hello, ${'x'.repeat(300)}world`;

describe('the payloads of what a client sends', () => {
  it('are the same wherever the bytes are cut in two', () => {
    for (let cut = 0; cut <= SAMPLE.length; cut++) {
      const { sink } = decoded([SAMPLE.subarray(0, cut), SAMPLE.subarray(cut)]);
      expect(sink.payload.toString()).toBe(PAYLOAD);
      expect(sink.controls).toEqual(['9:ping', '10:']);
    }
  });

  it('are the same byte by byte into room for one', () => {
    const { sink } = decoded(
      Array.from(SAMPLE, (byte) => Buffer.from([byte])),
      1,
    );
    expect(sink.payload.toString()).toBe(PAYLOAD);
  });

  it('of one read come together as far as there is room', () => {
    expect(decoded([SAMPLE]).sink.events).toEqual(['9:ping', '10:', '+312']);
    expect(decoded([SAMPLE], 200).sink.events).toEqual(['9:ping', '+200', '10:', '+112']);
  });

  it('come out before the close frame behind them', () => {
    const bytes = Buffer.concat([SAMPLE, clientFrame({ opcode: 8, payload: text('') })]);
    expect(decoded([bytes]).sink.events).toEqual(['9:ping', '10:', '+312', '8:']);
  });

  it('are what was sent, for any messages, fragments, masks, cuts and room', () => {
    const frames = fc.array(
      fc.record({
        fragments: fc.array(fc.uint8Array({ maxLength: 400 }), { minLength: 1, maxLength: 4 }),
        text: fc.boolean(),
        control: fc.option(fc.uint8Array({ maxLength: 125 }), { nil: undefined }),
        mask: fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255)),
      }),
      { maxLength: 6 },
    );
    const cuts = fc.array(fc.nat(), { maxLength: 20 });
    fc.assert(
      fc.property(frames, cuts, fc.integer({ min: 1, max: 700 }), (messages, at, room) => {
        const sent: ClientFrame[] = [];
        const payloads: Buffer[] = [];
        let controls = 0;
        for (const { fragments, text: isText, control, mask } of messages) {
          fragments.forEach((bytes, i) => {
            const payload = Buffer.from(bytes);
            const opcode = i > 0 ? 0 : isText ? 1 : 2;
            payloads.push(payload);
            sent.push({ opcode, payload, fin: i === fragments.length - 1, mask });
            if (control === undefined) return;
            controls += 1;
            sent.push({ opcode: 9, payload: Buffer.from(control), mask });
          });
        }
        const { sink, decoder } = decoded(split(Buffer.concat(sent.map(clientFrame)), at), room);
        expect(sink.payload.equals(Buffer.concat(payloads))).toBe(true);
        expect(sink.controls).toHaveLength(controls);
        expect(decoder.text).toBe(messages.at(-1)?.text ?? false);
      }),
      { numRuns: 300 },
    );
  });

  it('stop in the middle of a read when the reader has stopped', () => {
    const sink = new Sink(4);
    const decoder = new FrameDecoder(sink, 1000);
    const filled = sink.filled.bind(sink);
    sink.filled = (count) => {
      filled(count);
      decoder.stop();
    };
    decoder.decode(SAMPLE, 0, SAMPLE.length);
    expect(sink.payload.toString()).toBe('hell');
  });

  it('never come out of arbitrary bytes with anything but a refusal', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200 }),
        fc.integer({ min: 1, max: 64 }),
        (bytes, room) => {
          try {
            decoded([Buffer.from(bytes)], room);
          } catch (error) {
            expect((error as Error).name).toBe('WebSocketError');
          }
        },
      ),
    );
  });
});

describe('a client that breaks the rules', () => {
  const cases: [string, Buffer, number][] = [
    ['sets reserved bits', clientFrame({ opcode: 2, payload: text('a'), reserved: 0x40 }), 1002],
    ['sends an unknown data frame', clientFrame({ opcode: 3, payload: text('a') }), 1002],
    ['sends an unknown control frame', clientFrame({ opcode: 11, payload: text('a') }), 1002],
    [
      'sends a control frame in fragments',
      clientFrame({ opcode: 9, payload: text(''), fin: false }),
      1002,
    ],
    ['sends a long control frame', clientFrame({ opcode: 9, payload: Buffer.alloc(126) }), 1002],
    ['continues what has not begun', clientFrame({ opcode: 0, payload: text('a') }), 1002],
    ['does not mask', Buffer.from([0x82, 0x01, 0x61]), 1002],
    ['pads a length', clientFrame({ opcode: 2, payload: text('a'), lengthBytes: 2 }), 1002],
    [
      'pads a length to eight bytes',
      clientFrame({ opcode: 2, payload: Buffer.alloc(1000), lengthBytes: 8 }),
      1002,
    ],
    ['announces a negative length', Buffer.from([0x82, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0]), 1002],
    ['announces a huge message', Buffer.from([0x82, 0xff, 0x7f, 0, 0, 0, 0, 0, 0, 0]), 1009],
    [
      'begins a message in another',
      Buffer.concat([
        clientFrame({ opcode: 2, payload: text('a'), fin: false }),
        clientFrame({ opcode: 2, payload: text('b') }),
      ]),
      1002,
    ],
    [
      'sends more in fragments than a message may hold',
      Buffer.concat([
        clientFrame({ opcode: 2, payload: Buffer.alloc(1500), fin: false }),
        clientFrame({ opcode: 0, payload: Buffer.alloc(1500) }),
      ]),
      1009,
    ],
  ];
  it.each(cases)('is refused: %s', (_, bytes, code) => {
    for (const pieces of [[bytes], Array.from(bytes, (byte) => Buffer.from([byte]))]) {
      expect(() => decoded(pieces, 1024, 2000)).toThrowError(expect.objectContaining({ code }));
    }
  });
});
