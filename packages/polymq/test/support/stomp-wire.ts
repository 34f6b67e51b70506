/**
 * A STOMP 1.2 client that is nothing but the wire, for tests: it sends any frame, knows which receipts have come, and shows
 * all other frames to `onFrame`.
 */
import net from 'node:net';

export interface StompWireOptions {
  port: number;
  host?: string | undefined;
  connectTimeoutMs?: number | undefined;
  onFrame?: ((frame: StompFrame) => void) | undefined;
}

export interface StompFrame {
  command: string;
  headers: Readonly<Record<string, string>>;
  body: Buffer;
}

/** The broker has sent an ERROR. */
export class StompFailed extends Error {
  readonly frame: StompFrame;

  constructor(frame: StompFrame) {
    super(`${frame.headers['message']}: ${frame.body.toString().trim()}`);
    this.name = 'StompFailed';
    this.frame = frame;
  }
}

interface Waiting {
  resolve(): void;
  reject(error: Error): void;
}

const LF = 0x0a;
const NONE: Buffer = Buffer.alloc(0);
const ESCAPES: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '\n': '\\n',
  '\r': '\\r',
  ':': '\\c',
};
const UNESCAPES = new Map(Object.entries(ESCAPES).map(([text, written]) => [written, text]));

export class StompWire {
  readonly socket: net.Socket;
  /** Why the connection ended; undefined while it is open. */
  closed: Error | undefined;
  onFrame: (frame: StompFrame) => void;
  readonly #receipts = new Map<string, Waiting>();
  #opening: Waiting | undefined;
  #lastReceipt = 0;
  #kept: Buffer = NONE;

  private constructor({ port, host, onFrame }: StompWireOptions) {
    this.onFrame = onFrame ?? (() => undefined);
    this.socket = net.connect({ port, host: host ?? '127.0.0.1', noDelay: true });
    this.socket.on('data', (bytes: Buffer) => this.#read(bytes));
    this.socket.on('error', (error) => this.#end(error));
    this.socket.on('close', () => this.#end(new Error('the connection was cut')));
  }

  static async connect(options: StompWireOptions): Promise<StompWire> {
    const wire = new StompWire(options);
    const timer = setTimeout(() => {
      wire.socket.destroy(new Error('no answer to the connect'));
    }, options.connectTimeoutMs ?? 10_000);
    try {
      await new Promise<void>((resolve, reject) => {
        wire.#opening = { resolve, reject };
        wire.send('CONNECT', {
          'accept-version': '1.2',
          host: '/',
          login: 'guest',
          passcode: 'guest',
        });
      });
    } finally {
      clearTimeout(timer);
    }
    return wire;
  }

  send(command: string, headers: Readonly<Record<string, string>> = {}, body: string = ''): void {
    if (this.socket.destroyed) return;
    const lines = Object.entries(headers).map(([name, value]) => {
      // CONNECT alone knows no escapes.
      return command === 'CONNECT' ? `${name}:${value}` : `${escaped(name)}:${escaped(value)}`;
    });
    const length = body === '' ? [] : [`content-length:${Buffer.byteLength(body)}`];
    this.socket.write(`${[command, ...lines, ...length].join('\n')}\n\n${body}\0`);
  }

  /** Sends and resolves when the receipt has come. */
  request(
    command: string,
    headers: Readonly<Record<string, string>> = {},
    body: string = '',
  ): Promise<void> {
    if (this.closed) return Promise.reject(this.closed);
    this.#lastReceipt += 1;
    const receipt = `r${this.#lastReceipt}`;
    return new Promise((resolve, reject) => {
      this.#receipts.set(receipt, { resolve, reject });
      this.send(command, { ...headers, receipt }, body);
    });
  }

  async disconnect(): Promise<void> {
    if (this.closed) return;
    const gone = new Promise<void>((resolve) => this.socket.once('close', () => resolve()));
    await this.request('DISCONNECT');
    this.socket.end();
    await gone;
  }

  destroy(): void {
    this.socket.destroy();
  }

  #read(bytes: Buffer): void {
    let rest = this.#kept.length === 0 ? bytes : Buffer.concat([this.#kept, bytes]);
    for (;;) {
      let start = 0;
      while (rest[start] === LF) start += 1;
      rest = rest.subarray(start);
      const read = readFrame(rest);
      if (read === undefined) break;
      rest = rest.subarray(read.bytes);
      this.#onFrame(read.frame);
    }
    this.#kept = Buffer.from(rest);
  }

  #onFrame(frame: StompFrame): void {
    if (frame.command === 'CONNECTED') this.#opening?.resolve();
    else if (frame.command === 'RECEIPT') {
      const id = frame.headers['receipt-id'] ?? '';
      const waiting = this.#receipts.get(id);
      this.#receipts.delete(id);
      if (waiting === undefined) this.#end(new Error(`receipt ${id} was not asked for`));
      waiting?.resolve();
    } else if (frame.command === 'ERROR') this.#end(new StompFailed(frame));
    else this.onFrame(frame);
  }

  #end(error: Error): void {
    this.closed ??= error;
    this.#opening?.reject(this.closed);
    for (const waiting of this.#receipts.values()) waiting.reject(this.closed);
    this.#receipts.clear();
  }
}

function readFrame(bytes: Buffer): { frame: StompFrame; bytes: number } | undefined {
  const headEnd = bytes.indexOf('\n\n');
  if (headEnd < 0) return undefined;
  const [command = '', ...lines] = bytes.toString('utf8', 0, headEnd).split('\n');
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    headers[unescaped(line.slice(0, colon))] ??= unescaped(line.slice(colon + 1));
  }
  const start = headEnd + 2;
  const length = headers['content-length'];
  const end = length === undefined ? bytes.indexOf(0, start) : start + Number(length);
  if (end < 0 || end >= bytes.length) return undefined;
  return {
    frame: { command, headers, body: Buffer.from(bytes.subarray(start, end)) },
    bytes: end + 1,
  };
}

function escaped(text: string): string {
  return text.replace(/[\\\n\r:]/g, (character) => ESCAPES[character]!);
}

function unescaped(text: string): string {
  return text.replace(/\\./g, (written) => UNESCAPES.get(written) ?? written);
}
