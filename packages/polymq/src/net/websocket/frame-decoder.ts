/**
 * Takes what a client sends apart: payloads of data frames go, unmasked, one behind the other, straight into memory of
 * whoever reads the connection; control frames come whole.
 *
 *   FIRST ──► SECOND ──► EXTENDED ──► MASK ──► PAYLOAD ──► FIRST
 *                   └─────(short)─────►  └──(empty)───────►
 *
 * Where messages begin and end makes no difference to protocols that were made for TCP, so nothing is put together:
 * a fragment is passed on as it comes, and no length a client announces makes anybody allocate. That a text message
 * is UTF-8 is not checked here: protocols check the strings they read themselves.
 */
import {
  BINARY,
  CLOSE,
  CONTINUATION,
  CONTROL,
  CONTROL_BYTES_MAX,
  FIN,
  LENGTH,
  MASKED,
  OPCODE,
  PONG,
  PROTOCOL_ERROR,
  RESERVED,
  TEXT,
  TOO_LARGE,
  WebSocketError,
} from './frame.ts';
import { rotate, unmask } from './unmask.ts';

const FIRST = 0;
const SECOND = 1;
const EXTENDED = 2;
const MASK = 3;
const PAYLOAD = 4;

const UINT16_MAX = 0xffff;
const LENGTH_TOO_LONG = 2 ** 63;

export interface FrameSink {
  /** Where payload goes next: at least one byte of room. */
  room(): Uint8Array;
  /** So much payload is in the room given last. */
  filled(count: number): void;
  /** A whole control frame; its payload is the sink's to keep. */
  control(opcode: number, payload: Buffer): void;
}

export class FrameDecoder {
  readonly #sink: FrameSink;
  readonly #messageBytesMax: number;
  #phase = FIRST;
  #opcode = 0;
  #fin = false;
  /** A message has begun and not ended. */
  #fragmented = false;
  #messageBytes = 0;
  #text = false;
  #length = 0;
  /** The smallest length that needs as many bytes as it came in. */
  #shortest = 0;
  /** Bytes of length or mask still to come. */
  #left = 0;
  /** Its lowest byte is for the next byte of payload. */
  #mask = 0;
  #control: Buffer | undefined;
  #room: Uint8Array | undefined;
  #filled = 0;
  #stopped = false;

  constructor(sink: FrameSink, messageBytesMax: number) {
    this.#sink = sink;
    this.#messageBytesMax = messageBytesMax;
  }

  /** Whether the newest message of the client is text. */
  get text(): boolean {
    return this.#text;
  }

  /** Nothing is handed out any more. */
  stop(): void {
    this.#stopped = true;
  }

  /** Everything in `input[start, end)`, which may begin and end anywhere in a frame. Throws `WebSocketError`. */
  decode(input: Buffer, start: number, end: number): void {
    let at = start;
    try {
      while (at < end && !this.#stopped) {
        if (this.#phase === PAYLOAD) at = this.#readPayload(input, at, end);
        else this.#readHeader(input[at++]!);
      }
    } finally {
      this.#deliver();
    }
  }

  #readHeader(byte: number): void {
    if (this.#phase === FIRST) this.#readFirst(byte);
    else if (this.#phase === SECOND) this.#readSecond(byte);
    else if (this.#phase === EXTENDED) {
      this.#length = this.#length * 256 + byte;
      if (--this.#left === 0) this.#lengthRead();
    } else {
      this.#mask |= byte << (8 * (4 - this.#left));
      if (--this.#left === 0) this.#beginPayload();
    }
  }

  #readFirst(byte: number): void {
    if ((byte & RESERVED) !== 0) {
      throw new WebSocketError(PROTOCOL_ERROR, 'reserved bits are set and no extension is agreed');
    }
    const opcode = byte & OPCODE;
    this.#fin = (byte & FIN) !== 0;
    this.#opcode = opcode;
    if ((opcode & CONTROL) !== 0) {
      if (opcode > PONG) throw unknownOpcode(opcode);
      if (!this.#fin) throw new WebSocketError(PROTOCOL_ERROR, 'a control frame is in fragments');
    } else if (opcode === CONTINUATION) {
      if (!this.#fragmented) {
        throw new WebSocketError(PROTOCOL_ERROR, 'a continuation without a message before it');
      }
    } else {
      if (opcode > BINARY) throw unknownOpcode(opcode);
      if (this.#fragmented) {
        throw new WebSocketError(PROTOCOL_ERROR, 'a message begins before the last has ended');
      }
      this.#messageBytes = 0;
      this.#text = opcode === TEXT;
    }
    this.#phase = SECOND;
  }

  #readSecond(byte: number): void {
    if ((byte & MASKED) === 0) throw new WebSocketError(PROTOCOL_ERROR, 'a frame is not masked');
    const length = byte & LENGTH;
    this.#left = length === 126 ? 2 : length === 127 ? 8 : 0;
    if (this.#left === 0) {
      this.#length = length;
      this.#shortest = 0;
      this.#lengthRead();
      return;
    }
    if ((this.#opcode & CONTROL) !== 0) {
      throw new WebSocketError(
        PROTOCOL_ERROR,
        `a control frame is longer than ${CONTROL_BYTES_MAX} bytes`,
      );
    }
    this.#length = 0;
    this.#phase = EXTENDED;
    this.#shortest = this.#left === 2 ? 126 : UINT16_MAX + 1;
  }

  #lengthRead(): void {
    this.#checkLength();
    this.#phase = MASK;
    this.#left = 4;
    this.#mask = 0;
  }

  #checkLength(): void {
    if ((this.#opcode & CONTROL) !== 0) return;
    if (this.#length >= LENGTH_TOO_LONG) {
      throw new WebSocketError(PROTOCOL_ERROR, 'the highest bit of a length is set');
    }
    if (this.#length < this.#shortest) {
      throw new WebSocketError(PROTOCOL_ERROR, 'a length is not in its shortest form');
    }
    this.#messageBytes += this.#length;
    if (this.#messageBytes > this.#messageBytesMax) {
      const text = `a message is larger than ${this.#messageBytesMax} bytes`;
      throw new WebSocketError(TOO_LARGE, text);
    }
  }

  #beginPayload(): void {
    if ((this.#opcode & CONTROL) !== 0) this.#control = Buffer.allocUnsafeSlow(this.#length);
    this.#left = this.#length;
    this.#phase = PAYLOAD;
    if (this.#left === 0) this.#endFrame();
  }

  #readPayload(input: Buffer, at: number, end: number): number {
    const available = Math.min(end - at, this.#left);
    let count = available;
    if (this.#control !== undefined) {
      unmask(input, at, count, this.#control, this.#length - this.#left, this.#mask);
    } else {
      const room = this.#roomLeft();
      count = Math.min(available, room.length - this.#filled);
      unmask(input, at, count, room, this.#filled, this.#mask);
      this.#filled += count;
    }
    this.#mask = rotate(this.#mask, count & 3);
    this.#left -= count;
    if (this.#left === 0) this.#endFrame();
    return at + count;
  }

  #endFrame(): void {
    this.#phase = FIRST;
    const control = this.#control;
    if (control === undefined) {
      this.#fragmented = !this.#fin;
      return;
    }
    this.#control = undefined;
    // What came before a close frame is handled before the connection closes.
    if (this.#opcode === CLOSE) this.#deliver();
    if (!this.#stopped) this.#sink.control(this.#opcode, control);
  }

  #roomLeft(): Uint8Array {
    if (this.#room !== undefined && this.#filled === this.#room.length) this.#deliver();
    this.#room ??= this.#sink.room();
    return this.#room;
  }

  #deliver(): void {
    const filled = this.#filled;
    this.#room = undefined;
    this.#filled = 0;
    if (filled > 0 && !this.#stopped) this.#sink.filled(filled);
  }
}

function unknownOpcode(opcode: number): WebSocketError {
  return new WebSocketError(PROTOCOL_ERROR, `there is no frame with opcode ${opcode}`);
}
