import type { Peer } from './peer.ts';

const PIECES_MAX = 500;

/** The same peer, to which all comes byte by byte, or in as many pieces. */
export function inPieces(peer: Required<Peer>): Peer {
  return {
    settle: (busy) => peer.settle(busy),
    advance: (durationMs) => peer.advance(durationMs),
    restart: (how) => peer.restart(how),
    async connect(remoteAddress) {
      const socket = await peer.connect(remoteAddress);
      const { send } = socket;
      socket.send = (bytes) => {
        const step = Math.ceil(bytes.length / PIECES_MAX);
        for (let at = 0; at < bytes.length; at += step) send(bytes.subarray(at, at + step));
      };
      return socket;
    },
  };
}
