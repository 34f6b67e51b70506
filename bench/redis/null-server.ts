/** Redis Pub/Sub without anything behind it: `npx tsx bench/redis/null-server.ts`. */
import type { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { Frames, serveNull } from '../lib/live/null-server.ts';

const SUBSCRIBE = '*2\r\n$9\r\nSUBSCRIBE\r\n';
const PUBLISH = '*3\r\n$7\r\nPUBLISH\r\n';

/** All subscribers get everything. */
const subscribers = new Set<Socket>();

class Publisher {
  readonly #socket: Socket;
  #unitBytes = 0;
  #bytes = 0;
  #answered = 0;
  #answers: Frames | undefined;
  #messages: Frames | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  onData(bytes: Buffer): void {
    if (this.#unitBytes === 0) this.#learn(bytes);
    this.#bytes += bytes.length;
    const count = Math.floor(this.#bytes / this.#unitBytes) - this.#answered;
    this.#answered += count;
    if (count === 0) return;
    this.#answers!.send(this.#socket, count);
    for (const subscriber of subscribers) this.#messages!.send(subscriber, count);
  }

  /** All requests are like the first, and the end of a request is the end of its message. */
  #learn(bytes: Buffer): void {
    const head = /^\*3\r\n\$7\r\nPUBLISH\r\n\$(\d+)\r\n[^\r]+\r\n\$(\d+)\r\n/.exec(
      bytes.toString('latin1', 0, 1000),
    );
    if (!head) throw new Error('this is no PUBLISH');
    this.#unitBytes = head[0].length + Number(head[2]) + 2;
    const tail = bytes.subarray(PUBLISH.length, this.#unitBytes);
    if (tail.length < this.#unitBytes - PUBLISH.length) throw new Error('the first request is cut');
    const message = Buffer.concat([Buffer.from('*3\r\n$7\r\nmessage\r\n'), tail]);
    this.#messages = new Frames(() => message);
    this.#answers = new Frames(() => Buffer.from(`:${subscribers.size}\r\n`));
  }
}

function open(socket: Socket): (bytes: Buffer) => void {
  const publisher = new Publisher(socket);
  return (bytes) => {
    if (bytes[1] !== 0x32 || !bytes.toString('latin1').startsWith(SUBSCRIBE)) {
      publisher.onData(bytes);
      return;
    }
    const channel = bytes.toString('latin1', SUBSCRIBE.length);
    subscribers.add(socket);
    socket.on('close', () => subscribers.delete(socket));
    socket.write(`*3\r\n$9\r\nsubscribe\r\n${channel}:1\r\n`);
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) serveNull(open);
