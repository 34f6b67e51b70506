/**
 * Sockets over `node:net`.
 *
 * Reading straight into memory of our choice costs a third of what 'data' events cost. Node offers that
 * (`onread`) for sockets that connect, not for those it accepts; the accepted handle can be wrapped
 * again, through a property that is not documented. So the first accepted socket shows whether the wrap
 * works here, and everything falls back to 'data' events with one copy where it does not.
 */
import net from 'node:net';
import type { Network, NetworkListener, NetworkSocket, SocketHandler } from '../network.ts';

/** More than this waiting in a socket makes `write` ask for a pause. */
const WRITE_HIGH_WATER_BYTES = 1024 * 1024;

export function createNodeNetwork(): Network {
  return {
    listen: (options, onSocket) => listen(options, onSocket),
  };
}

function listen(
  options: { host: string; port: number; backlog?: number },
  onSocket: (socket: NetworkSocket) => void,
): Promise<NetworkListener> {
  return new Promise((resolve, reject) => {
    const server = net.createServer({ pauseOnConnect: true, noDelay: true });
    server.on('connection', (socket) => onSocket(new NodeSocket(socket)));
    server.once('error', reject);
    server.listen(
      { host: options.host, port: options.port, backlog: options.backlog ?? 1024 },
      () => {
        server.off('error', reject);
        // An accept that fails (out of descriptors) must not end the process; the peer sees a reset.
        server.on('error', () => undefined);
        const address = server.address() as net.AddressInfo;
        resolve({
          host: options.host,
          port: address.port,
          close: () => new Promise<void>((done) => closeServer(server, done)),
        });
      },
    );
  });
}

/** Stops accepting at once; `done` does not wait for the connections that are open. */
function closeServer(server: net.Server, done: () => void): void {
  server.close();
  done();
}

/** The undocumented part of an accepted socket that `onread` needs. */
interface WithHandle {
  _handle?: unknown;
}

class NodeSocket implements NetworkSocket {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
  #socket: net.Socket;
  #handler: SocketHandler | undefined;
  #closeError: Error | undefined;

  constructor(accepted: net.Socket) {
    this.#socket = accepted;
    this.remoteAddress = plainAddress(accepted.remoteAddress);
    this.remotePort = accepted.remotePort ?? 0;
    this.localAddress = plainAddress(accepted.localAddress);
    this.localPort = accepted.localPort ?? 0;
    accepted.on('error', this.#remember);
  }

  start(handler: SocketHandler): void {
    this.#handler = handler;
    const handle = (this.#socket as WithHandle)._handle;
    if (handle && !this.#socket.destroyed) this.#socket = this.#rewrap(handle, handler);
    else this.#readByEvents(handler);
    this.#socket.on('drain', () => this.#handler?.onDrain());
    this.#socket.on('end', () => this.#socket.end());
    this.#socket.on('close', () => {
      const closed = this.#handler;
      this.#handler = undefined;
      closed?.onClose(this.#closeError);
    });
    if (this.#socket.destroyed) this.#socket.emit('close');
    else this.#socket.resume();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  write(buffers: readonly Uint8Array[], onSent?: () => void): boolean {
    const socket = this.#socket;
    const last = buffers.length - 1;
    if (last > 0) socket.cork();
    for (let at = 0; at < last; at++) socket.write(buffers[at]!);
    socket.write(buffers[last]!, onSent);
    if (last > 0) socket.uncork();
    return socket.writableLength < WRITE_HIGH_WATER_BYTES;
  }

  get pendingBytes(): number {
    return this.#socket.writableLength;
  }

  end(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #remember = (error: Error): void => {
    this.#closeError = error;
    this.#socket.destroy();
  };

  #rewrap(handle: unknown, handler: SocketHandler): net.Socket {
    const options = {
      handle,
      allowHalfOpen: false,
      onread: {
        buffer: () => handler.buffer(),
        callback: (count: number) => {
          this.#handler?.onRead(count);
          return true;
        },
      },
    };
    const socket = new net.Socket(options as net.SocketConstructorOpts);
    socket.setNoDelay(true);
    socket.on('error', this.#remember);
    return socket;
  }

  #readByEvents(handler: SocketHandler): void {
    this.#socket.on('data', (chunk: Buffer) => {
      let at = 0;
      while (at < chunk.length && this.#handler) {
        const room = handler.buffer();
        const count = Math.min(room.length, chunk.length - at);
        room.set(chunk.subarray(at, at + count));
        handler.onRead(count);
        at += count;
      }
    });
  }
}

/** IPv4 addresses as such, also when the listener is dual-stack. */
function plainAddress(address: string | undefined): string {
  if (!address) return '';
  return address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : address;
}
