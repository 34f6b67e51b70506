/**
 * An AMQP 0-9-1 client that is nothing but the wire, for tests and load generators: any method with any
 * arguments, in any order, and the socket itself for those who write frames in bulk (`takeOver`).
 *
 * Calls on one channel are answered in order. What comes without being asked for (deliveries, confirms, returns,
 * cancels) goes to `onMethod`. A close from the other side is answered, fails all waiting calls, and is
 * kept in `closed` with the code and text that it came with.
 */
import net from 'node:net';
import {
  type Arguments,
  bodyFrames,
  decodeHeader,
  decodeMethod,
  FRAME_BODY,
  FRAME_END,
  FRAME_HEADER,
  FRAME_HEARTBEAT,
  FRAME_METHOD,
  frame,
  headerFrame,
  methodFrame,
  PROTOCOL_HEADER,
  type Table,
} from './amqp-frames.ts';

export interface AmqpWireOptions {
  port: number;
  host?: string | undefined;
  user?: string | undefined;
  password?: string | undefined;
  vhost?: string | undefined;
  /** What this side offers; the broker's own value is the upper bound. Default 131,072. */
  frameMax?: number | undefined;
  /** Seconds; default 0, no heartbeats. */
  heartbeat?: number | undefined;
  connectTimeoutMs?: number | undefined;
  /** The reused buffer that the socket is read into. Default 64 KiB. */
  readBytes?: number | undefined;
}

/** A message that came with a method: basic.deliver, basic.return or basic.get-ok. */
export interface Content {
  properties: Arguments;
  body: Buffer;
}

/** The other side closed a channel or the connection, with this code and text. */
export class AmqpClosed extends Error {
  readonly code: number;
  readonly text: string;
  readonly channel: number;

  constructor(channel: number, code: number, text: string) {
    super(`${channel === 0 ? 'connection' : 'channel'} closed: ${code} ${text}`);
    this.name = 'AmqpClosed';
    this.channel = channel;
    this.code = code;
    this.text = text;
  }
}

export type OnMethod = (name: string, args: Arguments, content: Content | undefined) => void;

interface Waiting {
  resolve(answer: Answer): void;
  reject(error: Error): void;
}

/**
 * Gets all bytes that are there as `buffer[0..end)`, says how many it has used, and gets the rest again with
 * what comes next. The buffer is valid during the call only; `readBytes` must hold the largest frame.
 */
export type RawReader = (buffer: Buffer, end: number) => number;

export interface Answer {
  name: string;
  args: Arguments;
  content: Content | undefined;
}

const ANSWERS = /-ok$|^basic\.get-empty$|^connection\.(start|tune)$/;
const WITH_CONTENT = new Set(['basic.deliver', 'basic.return', 'basic.get-ok']);

export class AmqpWire {
  readonly socket: net.Socket;
  frameMax = 131_072;
  channelMax = 0;
  serverProperties: Table = {};
  /** Why the connection ended; undefined while it is open. */
  closed: Error | undefined;
  onClosed: ((error: Error) => void) | undefined;
  /** connection.blocked and unblocked. */
  onMethod: OnMethod | undefined;
  readonly #channels = new Map<number, AmqpChannel>();
  readonly #waiting: Waiting[] = [];
  #kept: Buffer = Buffer.alloc(0);
  #raw: RawReader | undefined;
  readonly #read: Buffer;
  /** Bytes at the front of `#read` that the raw reader has not consumed. */
  #left = 0;
  #lastChannel = 0;

  private constructor(options: AmqpWireOptions) {
    this.#read = Buffer.allocUnsafeSlow(options.readBytes ?? 65_536);
    this.socket = net.connect({
      port: options.port,
      host: options.host ?? '127.0.0.1',
      noDelay: true,
      onread: {
        buffer: () => (this.#left === 0 ? this.#read : this.#read.subarray(this.#left)),
        callback: (count) => {
          if (this.#raw) this.#readRaw(this.#left + count);
          else this.#onBytes(this.#read.subarray(0, count));
          return true;
        },
      },
    });
    this.socket.on('error', (error) => this.#end(error));
    this.socket.on('close', () => this.#end(new Error('the connection was cut')));
    this.socket.on('end', () => this.#end(new Error('the broker closed the socket')));
  }

  /** Resolves when the connection is open. */
  static async connect(options: AmqpWireOptions): Promise<AmqpWire> {
    const wire = new AmqpWire(options);
    const timer = setTimeout(
      () => wire.destroy(new Error('the broker did not open the connection in time')),
      options.connectTimeoutMs ?? 10_000,
    );
    try {
      await wire.#open(options);
    } catch (error) {
      wire.destroy();
      throw error;
    } finally {
      clearTimeout(timer);
    }
    return wire;
  }

  async #open(options: AmqpWireOptions): Promise<void> {
    const start = this.#answer();
    this.socket.write(PROTOCOL_HEADER);
    this.serverProperties = (await start).args['serverProperties'] as Table;
    const tune = this.#answer();
    const { user = 'guest', password = 'guest' } = options;
    this.send(0, 'connection.start-ok', {
      clientProperties: { product: 'amqp-wire', capabilities: CAPABILITIES },
      mechanism: 'PLAIN',
      response: `\0${user}\0${password}`,
      locale: 'en_US',
    });
    const { args } = await tune;
    const offered = Number(args['frameMax']) || Number.POSITIVE_INFINITY;
    this.frameMax = Math.min(options.frameMax ?? 131_072, offered);
    this.channelMax = Number(args['channelMax']);
    const heartbeat = options.heartbeat ?? 0;
    const { frameMax, channelMax } = this;
    this.send(0, 'connection.tune-ok', { channelMax, frameMax, heartbeat });
    await this.call(0, 'connection.open', { virtualHost: options.vhost ?? '/' });
  }

  async openChannel(number?: number): Promise<AmqpChannel> {
    this.#lastChannel = number ?? this.#lastChannel + 1;
    const channel = new AmqpChannel(this, this.#lastChannel);
    this.#channels.set(channel.number, channel);
    await channel.call('channel.open');
    return channel;
  }

  send(channel: number, method: string, args?: Table): void {
    this.socket.write(methodFrame(channel, method, args));
  }

  /** Sends a method and resolves with its answer. */
  call(channel: number, method: string, args?: Table): Promise<Answer> {
    const answer = channel === 0 ? this.#answer() : this.#channels.get(channel)!.nextAnswer();
    if (!this.closed) this.send(channel, method, args);
    return answer;
  }

  /** From now on this reader gets the bytes as they come and nothing here looks at them. */
  takeOver(reader: RawReader): void {
    this.#raw = reader;
  }

  /** Back to single methods. */
  giveBack(): void {
    this.#raw = undefined;
    this.#kept = Buffer.from(this.#read.subarray(0, this.#left));
    this.#left = 0;
  }

  /** Closes as the specification asks for. */
  async close(): Promise<void> {
    if (!this.closed) await this.call(0, 'connection.close', { replyCode: 200, replyText: 'bye' });
    this.destroy();
  }

  destroy(error: Error = new Error('closed by this side')): void {
    this.#end(error);
    this.socket.destroy();
  }

  #answer(): Promise<Answer> {
    if (this.closed) return Promise.reject(this.closed);
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  #onBytes(bytes: Buffer): void {
    const all = Buffer.concat([this.#kept, bytes]);
    let at = 0;
    while (!this.#raw && all.length - at >= 7) {
      const end = at + 8 + all.readUInt32BE(at + 3);
      if (end > all.length) break;
      if (all[end - 1] !== FRAME_END) {
        this.destroy(new Error(`a frame ends with ${all[end - 1]}`));
        return;
      }
      this.#onFrame(all[at]!, all.readUInt16BE(at + 1), all.subarray(at + 7, end - 1));
      at = end;
    }
    this.#kept = all.subarray(at);
    if (!this.#raw) return;
    this.#kept.copy(this.#read);
    this.#left = this.#kept.length;
    this.#kept = Buffer.alloc(0);
    if (this.#left > 0) this.#readRaw(this.#left);
  }

  #readRaw(end: number): void {
    const used = this.#raw!(this.#read, end);
    if (used > 0 && used < end) this.#read.copyWithin(0, used, end);
    this.#left = end - used;
    if (this.#left === this.#read.length) this.destroy(new Error('a frame is beyond readBytes'));
  }

  #onFrame(type: number, channel: number, payload: Buffer): void {
    if (type === FRAME_HEARTBEAT) {
      this.socket.write(frame(FRAME_HEARTBEAT, 0, Buffer.alloc(0)));
    } else if (channel !== 0) {
      this.#channels.get(channel)?.onFrame(type, payload);
    } else if (type === FRAME_METHOD) {
      const { name, args } = decodeMethod(payload);
      if (name === 'connection.close') {
        this.send(0, 'connection.close-ok');
        this.#end(new AmqpClosed(0, Number(args['replyCode']), String(args['replyText'])));
        this.socket.end();
      } else if (ANSWERS.test(name)) {
        this.#waiting.shift()?.resolve({ name, args, content: undefined });
      } else this.onMethod?.(name, args, undefined);
    }
  }

  #end(error: Error): void {
    if (this.closed) return;
    this.closed = error;
    for (const each of this.#waiting.splice(0)) each.reject(error);
    for (const channel of this.#channels.values()) channel.end(error);
    this.onClosed?.(error);
  }
}

const CAPABILITIES: Table = {
  publisher_confirms: true,
  'basic.nack': true,
  consumer_cancel_notify: true,
  'connection.blocked': true,
  authentication_failure_close: true,
};

export class AmqpChannel {
  readonly wire: AmqpWire;
  readonly number: number;
  closed: Error | undefined;
  onClosed: ((error: Error) => void) | undefined;
  onMethod: OnMethod | undefined;
  readonly #waiting: Waiting[] = [];
  #open: { name: string; args: Arguments; properties: Arguments; left: number; parts: Buffer[] } = {
    name: '',
    args: {},
    properties: {},
    left: 0,
    parts: [],
  };

  constructor(wire: AmqpWire, number: number) {
    this.wire = wire;
    this.number = number;
  }

  /** Sends a method and resolves with the arguments of its answer. */
  async call(method: string, args?: Table): Promise<Arguments> {
    return (await this.wire.call(this.number, method, args)).args;
  }

  send(method: string, args?: Table): void {
    this.wire.send(this.number, method, args);
  }

  async declareQueue(queue: string, options: Table = {}): Promise<Arguments> {
    return await this.call('queue.declare', { queue, ...options });
  }

  /** Undefined when the queue is empty. */
  async get(queue: string, noAck = false): Promise<(Content & { args: Arguments }) | undefined> {
    const { args, content } = await this.wire.call(this.number, 'basic.get', { queue, noAck });
    return content ? { ...content, args } : undefined;
  }

  publish(exchange: string, routingKey: string, body: Buffer, properties: Table = {}): void {
    this.wire.socket.write(this.publishFrames({ exchange, routingKey }, body, properties));
  }

  publishFrames(args: Table, body: Buffer, properties: Table = {}): Buffer {
    return Buffer.concat([
      methodFrame(this.number, 'basic.publish', args),
      headerFrame(this.number, body.length, properties),
      ...bodyFrames(this.number, body, this.wire.frameMax),
    ]);
  }

  async close(): Promise<void> {
    if (!this.closed) await this.call('channel.close', { replyCode: 200, replyText: 'bye' });
    this.end(new Error('closed by this side'));
  }

  /** Resolves when something answers the oldest call that has no answer yet. */
  nextAnswer(): Promise<Answer> {
    if (this.closed) return Promise.reject(this.closed);
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  onFrame(type: number, payload: Buffer): void {
    if (type === FRAME_METHOD) {
      const { name, args } = decodeMethod(payload);
      if (WITH_CONTENT.has(name)) this.#open = { name, args, properties: {}, left: 0, parts: [] };
      else this.#onMethod(name, args);
      return;
    }
    if (type === FRAME_HEADER) {
      const { bodyBytes, properties } = decodeHeader(payload);
      this.#open.properties = properties;
      this.#open.left = bodyBytes;
    } else if (type === FRAME_BODY) {
      this.#open.parts.push(payload);
      this.#open.left -= payload.length;
    }
    if (this.#open.left > 0) return;
    const { name, args, properties, parts } = this.#open;
    this.#dispatch(name, args, { properties, body: Buffer.concat(parts) });
  }

  end(error: Error): void {
    if (this.closed) return;
    this.closed = error;
    for (const each of this.#waiting.splice(0)) each.reject(error);
    this.onClosed?.(error);
  }

  #onMethod(name: string, args: Arguments): void {
    if (name === 'channel.close') {
      this.send('channel.close-ok');
      this.end(new AmqpClosed(this.number, Number(args['replyCode']), String(args['replyText'])));
    } else this.#dispatch(name, args, undefined);
  }

  #dispatch(name: string, args: Arguments, content: Content | undefined): void {
    if (ANSWERS.test(name)) this.#waiting.shift()?.resolve({ name, args, content });
    else this.onMethod?.(name, args, content);
  }
}
