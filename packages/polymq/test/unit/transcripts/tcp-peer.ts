import { connect } from 'node:net';
import type { Peer, Pipe } from './peer.ts';

/** A broker of another process, in real time. Nothing more is expected to come when it was quiet for that long. */
export function tcpPeer(port: number, quietMs: number): Peer {
  return {
    connect: () => pipeTo(port),
    async settle(busy) {
      for (let forMs = 0; forMs < quietMs; forMs += 10) {
        await new Promise((resolve) => setTimeout(resolve, 10));
        if (busy()) forMs = 0;
      }
    },
  };
}

function pipeTo(port: number): Promise<Pipe> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port });
    const received: Buffer[] = [];
    let closed = false;
    socket.on('data', (bytes) => received.push(bytes));
    socket.on('close', () => {
      closed = true;
    });
    socket.on('error', reject);
    socket.on('connect', () =>
      resolve({
        get closed() {
          return closed;
        },
        send: (bytes) => socket.write(bytes),
        receive: () => Buffer.concat(received.splice(0)),
        cut: () => socket.destroy(),
        stall: () => socket.pause(),
        unstall: () => socket.resume(),
      }),
    );
  });
}
