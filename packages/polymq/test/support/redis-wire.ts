/**
 * A Redis client that is nothing but the wire: commands out, whatever comes back in, in order. Pushes of RESP3 and messages
 * of RESP2 come like replies, as lists; the reader knows what it waits for.
 */
import net from 'node:net';

/** A push of RESP3. */
export class Push {
  readonly values: RespValue[];

  constructor(values: RespValue[]) {
    this.values = values;
  }
}

/** Bulk strings are text, errors are `Error`s whose message has the code in front; maps are lists of names and values. */
export type RespValue = string | number | null | Error | Push | RespValue[];

export class RedisWire {
  readonly socket: net.Socket;
  readonly closed: Promise<void>;
  #received: Buffer = Buffer.alloc(0);
  #at = 0;
  #waiting: (() => void)[] = [];
  #ended = false;

  private constructor(socket: net.Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('error', () => undefined);
    socket.on('data', (bytes: Buffer) => {
      this.#received = Buffer.concat([this.#received.subarray(this.#at), bytes]);
      this.#at = 0;
      this.#wake();
    });
    this.closed = new Promise((resolve) =>
      socket.once('close', () => {
        this.#ended = true;
        this.#wake();
        resolve();
      }),
    );
  }

  static connect(port: number, host = '127.0.0.1'): Promise<RedisWire> {
    const socket = net.connect({ port, host });
    return new Promise((resolve, reject) => {
      socket.once('error', reject);
      socket.once('connect', () => resolve(new RedisWire(socket)));
    });
  }

  /** A command as an array of bulk strings. */
  send(...args: readonly (string | Buffer | number)[]): void {
    this.socket.write(encodeCommand(args));
  }

  /** Sends it and reads the next thing that comes. */
  async call(...args: readonly (string | Buffer | number)[]): Promise<RespValue> {
    this.send(...args);
    return this.read();
  }

  /** The next thing that comes. Rejects when the connection ends before. */
  async read(): Promise<RespValue> {
    for (;;) {
      const decoder = new Decoder(this.#received, this.#at);
      const value = decoder.value();
      if (value !== undefined) {
        this.#at = decoder.at;
        return value;
      }
      if (this.#ended) throw new Error('the connection was closed');
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  async readMany(count: number): Promise<RespValue[]> {
    const values: RespValue[] = [];
    for (let index = 0; index < count; index += 1) values.push(await this.read());
    return values;
  }

  /** All that has come and was not read. */
  get rest(): Buffer {
    return this.#received.subarray(this.#at);
  }

  close(): Promise<void> {
    this.socket.destroy();
    return this.closed;
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}

export function encodeCommand(args: readonly (string | Buffer | number)[]): Buffer {
  const parts: Buffer[] = [Buffer.from(`*${args.length}\r\n`)];
  for (const arg of args) {
    const bytes = Buffer.isBuffer(arg) ? arg : Buffer.from(String(arg));
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'));
  }
  return Buffer.concat(parts);
}

class Decoder {
  at: number;
  readonly #bytes: Buffer;

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }

  /** Undefined if not all of it has come. */
  value(): RespValue | undefined {
    const lineEnd = this.#bytes.indexOf('\r\n', this.at);
    if (lineEnd < 0) return undefined;
    const type = String.fromCharCode(this.#bytes[this.at]!);
    const line = this.#bytes.toString('utf8', this.at + 1, lineEnd);
    this.at = lineEnd + 2;
    switch (type) {
      case '+':
        return line;
      case '-':
        return new Error(line);
      case ':':
        return Number(line);
      case '_':
        return null;
      case '$':
        return this.#bulk(Number(line));
      case '=':
        return textOf(this.#bulk(Number(line)));
      case '*':
        return Number(line) < 0 ? null : this.#list(Number(line));
      case '%':
        return this.#list(Number(line) * 2);
      case '>': {
        const values = this.#list(Number(line));
        return values && new Push(values);
      }
      default:
        throw new Error(`unknown type ${JSON.stringify(type)} before ${JSON.stringify(line)}`);
    }
  }

  #bulk(bytes: number): string | null | undefined {
    if (bytes < 0) return null;
    const end = this.at + bytes;
    if (this.#bytes.length < end + 2) return undefined;
    const text = this.#bytes.toString('utf8', this.at, end);
    this.at = end + 2;
    return text;
  }

  #list(count: number): RespValue[] | undefined {
    const values: RespValue[] = [];
    for (let index = 0; index < count; index += 1) {
      const value = this.value();
      if (value === undefined) return undefined;
      values.push(value);
    }
    return values;
  }
}

function textOf(verbatim: string | null | undefined): string | null | undefined {
  return typeof verbatim === 'string' ? verbatim.slice('txt:'.length) : verbatim;
}
