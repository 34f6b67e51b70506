/** STOMP without anything behind it: `npx tsx bench/stomp/null-server.ts`. */
import type { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { Frames, serveNull } from '../lib/live/null-server.ts';
import { NUL, stompFrame } from './frames.ts';

/** All subscribers get everything. */
const subscribers = new Set<Socket>();

class Publisher {
  readonly #socket: Socket;
  #unitBytes = 0;
  #bytes = 0;
  #passed = 0;
  #receipts: Frames | undefined;
  #messages: Frames | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  onData(bytes: Buffer): void {
    if (this.#unitBytes === 0) this.#learn(bytes);
    this.#bytes += bytes.length;
    const count = Math.floor(this.#bytes / this.#unitBytes) - this.#passed;
    this.#passed += count;
    if (count === 0) return;
    this.#receipts?.send(this.#socket, count);
    for (const subscriber of subscribers) this.#messages!.send(subscriber, count);
  }

  /** All frames are like the first. */
  #learn(bytes: Buffer): void {
    const nul = bytes.indexOf(NUL);
    if (nul < 0) throw new Error('the first frame is cut');
    this.#unitBytes = nul + 1;
    const bodyAt = bytes.indexOf('\n\n') + 2;
    const payload = Buffer.from(bytes.subarray(bodyAt, nul));
    const headers = {
      subscription: '0',
      'message-id': 'T_0@@session@@1',
      destination: '/queue/bench',
      ack: 'T_0@@session@@1',
      'content-length': String(payload.length),
    };
    this.#messages = new Frames(() => stompFrame('MESSAGE', headers, payload));
    if (!bytes.toString('latin1', 0, bodyAt).includes('\nreceipt:')) return;
    this.#receipts = new Frames(() => stompFrame('RECEIPT', { 'receipt-id': 'r00000000' }));
  }
}

function open(socket: Socket): (bytes: Buffer) => void {
  const publisher = new Publisher(socket);
  return (bytes) => {
    if (subscribers.has(socket)) return;
    const command = bytes.toString('latin1', 0, 10);
    if (command.startsWith('CONNECT\n')) {
      socket.write(stompFrame('CONNECTED', { version: '1.2' }));
    } else if (command === 'SUBSCRIBE\n') {
      subscribers.add(socket);
      socket.on('close', () => subscribers.delete(socket));
      socket.write(stompFrame('RECEIPT', { 'receipt-id': 'sub' }));
    } else publisher.onData(bytes);
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) serveNull(open);
