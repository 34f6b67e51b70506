/**
 * What the programs that only move bytes have in common. They show what the load generator itself can do: every
 * published message becomes one for each subscriber, cut from frames that are there already.
 */
import { createServer, type Socket } from 'node:net';

const CHUNK_BYTES = 1 << 20;
const CHUNK_FRAMES_MAX = 10_000;

/** Frames of one length, one after the other, sent without being copied. */
export class Frames {
  readonly #bytes: Buffer;
  readonly #frameBytes: number;
  readonly #count: number;

  constructor(frame: (index: number) => Buffer) {
    this.#frameBytes = frame(0).length;
    this.#count = Math.min(CHUNK_FRAMES_MAX, Math.ceil(CHUNK_BYTES / this.#frameBytes));
    this.#bytes = Buffer.concat(Array.from({ length: this.#count }, (_, i) => frame(i)));
  }

  send(socket: Socket, count: number): void {
    for (let left = count; left > 0; left -= this.#count) {
      socket.write(this.#bytes.subarray(0, Math.min(left, this.#count) * this.#frameBytes));
    }
  }
}

/** `open` is called for each connection and returns what takes its bytes. */
export function serveNull(open: (socket: Socket) => (bytes: Buffer) => void): void {
  const server = createServer((socket) => {
    socket.setNoDelay(true);
    socket.on('error', () => {});
    socket.on('data', open(socket));
  });
  server.listen(0, '127.0.0.1', () => {
    const address = server.address();
    process.stdout.write(`listening ${typeof address === 'object' ? address?.port : ''}\n`);
  });
  process.on('SIGTERM', () => process.exit(0));
}
