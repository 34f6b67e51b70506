/**
 * A broker that does nothing: what is left is the load generator's own cost. Runs as a process of its own
 * (`npx tsx bench/amqp/null-broker.ts`), says yes to everything, and turns every published message into a
 * delivery and, in confirm mode, a confirm, by copying frames of known length.
 */
import { createServer, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { decodeMethod, methodFrame } from '../../packages/polymq/test/support/amqp-frames.ts';

const BASIC_PUBLISH = 60 * 65536 + 40;
const BASIC_ACK = 60 * 65536 + 80;
const OUT_BYTES = 4 << 20;

/** By queue, which for the default exchange is the routing key. */
const consumers = new Map<string, Session>();

class Session {
  readonly #socket: Socket;
  #kept: Buffer = Buffer.alloc(0);
  #confirms = false;
  #published = 0;
  #target: Session | undefined;
  #tag = 0;
  #out: Buffer = Buffer.allocUnsafe(OUT_BYTES);
  #outAt = 0;
  #deliver: Buffer = Buffer.alloc(0);

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (bytes) => this.#onData(bytes));
    socket.on('error', () => {});
  }

  #onData(bytes: Buffer): void {
    const all = this.#kept.length === 0 ? bytes : Buffer.concat([this.#kept, bytes]);
    let at = 0;
    if (all.length >= 8 && all[0] === 0x41) {
      at = 8;
      this.#say(0, 'connection.start', { mechanisms: 'PLAIN', locales: 'en_US' });
    }
    const before = this.#published;
    while (all.length - at >= 8) {
      const next = at + 8 + all.readUInt32BE(at + 3);
      if (next > all.length) break;
      if (all[at] !== 1) this.#target?.pass(all, at, next);
      else if (all.readUInt32BE(at + 7) === BASIC_PUBLISH) this.#publish(all, at);
      else if (all.readUInt32BE(at + 7) !== BASIC_ACK) this.#answer(all, at, next);
      at = next;
    }
    this.#kept = at === all.length ? Buffer.alloc(0) : Buffer.from(all.subarray(at));
    if (this.#confirms && this.#published > before) {
      this.#say(1, 'basic.ack', { deliveryTag: this.#published, multiple: true });
    }
    this.#target?.flush();
  }

  #publish(all: Buffer, at: number): void {
    this.#published += 1;
    // exchange '' and the queue's name
    this.#target ??= consumers.get(all.toString('latin1', at + 15, at + 15 + all[at + 14]!));
    this.#target?.begin();
  }

  begin(): void {
    this.#tag += 1;
    if (this.#outAt + this.#deliver.length > OUT_BYTES) this.flush();
    this.#out.set(this.#deliver, this.#outAt);
    this.#out.writeUInt32BE(this.#tag, this.#outAt + 18);
    this.#outAt += this.#deliver.length;
  }

  pass(bytes: Buffer, at: number, next: number): void {
    if (this.#outAt + next - at > OUT_BYTES) this.flush();
    bytes.copy(this.#out, this.#outAt, at, next);
    this.#outAt += next - at;
  }

  flush(): void {
    if (this.#outAt === 0) return;
    this.#socket.write(this.#out.subarray(0, this.#outAt));
    if (this.#socket.writableLength > 0) this.#out = Buffer.allocUnsafe(OUT_BYTES);
    this.#outAt = 0;
  }

  #answer(all: Buffer, at: number, next: number): void {
    const { name, args } = decodeMethod(all.subarray(at + 7, next - 1));
    const channel = all.readUInt16BE(at + 1);
    if (name === 'connection.start-ok') {
      this.#say(0, 'connection.tune', { channelMax: 2047, frameMax: 131_072, heartbeat: 0 });
    } else if (name !== 'connection.tune-ok') this.#say(channel, `${name}${'-ok'}`, args);
    if (name === 'confirm.select') this.#confirms = true;
    if (name === 'basic.consume') {
      const queue = String(args['queue']);
      consumers.set(queue, this);
      const deliver = { consumerTag: 'c0', deliveryTag: 0, exchange: '', routingKey: queue };
      this.#deliver = methodFrame(1, 'basic.deliver', deliver);
    }
  }

  #say(channel: number, name: string, args: Parameters<typeof methodFrame>[2]): void {
    this.#socket.write(methodFrame(channel, name, args));
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const server = createServer((socket) => new Session(socket));
  server.listen(0, '127.0.0.1', () => {
    const address = server.address();
    process.stdout.write(`listening ${typeof address === 'object' ? address?.port : ''}\n`);
  });
  process.on('SIGTERM', () => process.exit(0));
}
