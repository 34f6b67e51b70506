/** A protocol inside WebSockets under attack: its own attacks in frames, and what only WebSockets can do wrong. */
import { clientFrame, HANDSHAKE, request } from '../../src/net/websocket/testing/client-frames.ts';
import type { SeededRandom } from '../crash/random.ts';
import { mutate } from './mutate.ts';
import { type Attack, noise, type SocketAttacks } from './socket-attackers.ts';

const BINARY = 2;
const CONTINUATION = 0;
const CLOSE = 8;
const PING = 9;
const PAYLOAD_BYTES_MAX = 20_000;

/** `inner`: the same protocol without WebSockets. */
export function webSocketAttacks(
  port: number,
  subprotocol: string,
  inner: Omit<SocketAttacks, 'port'>,
): SocketAttacks {
  const opening = request([...HANDSHAKE, `Sec-WebSocket-Protocol: ${subprotocol}`]);
  const opened = (...frames: readonly Buffer[]) => Buffer.concat([opening, ...frames]);
  const attacks: Record<string, Attack> = {
    'ws: the same in frames': (random) => {
      const attack = inner.attacks[random.pick(Object.keys(inner.attacks))]!;
      return opened(...inFrames(attack(random), random));
    },
    'ws: mutated opening': (random) =>
      Buffer.concat([mutate(opening, noise(random), random), noise(random)]),
    'ws: mutated frames': (random) => {
      const frames = Buffer.concat(inFrames(inner.conversation(random), random));
      return opened(mutate(frames, noise(random), random));
    },
    'ws: long opening': (random) => {
      const line = random.pick([`x: ${'y'.repeat(50_000)}`, 'x: y\r\n'.repeat(5000), '\0']);
      return request([...HANDSHAKE, line]);
    },
    'ws: from another page': () => request([...HANDSHAKE, 'Origin: https://attacker.example']),
    'ws: lying lengths': (random) => {
      const frame = Buffer.alloc(14);
      frame[0] = 0x80 | random.pick([BINARY, PING, CONTINUATION]);
      frame[1] = 0x80 | 127;
      frame.writeBigUInt64BE(random.pick([2n ** 63n, 2n ** 62n, 2n ** 31n, 2n ** 25n, 1n]), 2);
      return opened(frame, noise(random));
    },
    'ws: empty fragments': () => {
      const first = clientFrame({ opcode: BINARY, payload: Buffer.alloc(0), fin: false });
      const empty = clientFrame({ opcode: CONTINUATION, payload: Buffer.alloc(0), fin: false });
      return opened(first, ...new Array<Buffer>(100_000).fill(empty));
    },
    'ws: fragments of a byte': (random) => {
      const bytes = inner.conversation(random).subarray(0, PAYLOAD_BYTES_MAX);
      const fragments = Array.from(bytes, (byte, i) =>
        clientFrame({
          opcode: i === 0 ? BINARY : CONTINUATION,
          payload: Buffer.of(byte),
          fin: false,
        }),
      );
      return opened(...fragments);
    },
    'ws: nothing but pings': () => {
      const ping = clientFrame({ opcode: PING, payload: Buffer.alloc(125, 'p') });
      return opened(...new Array<Buffer>(20_000).fill(ping));
    },
    'ws: goes on after its end': (random) => {
      const close = clientFrame({ opcode: CLOSE, payload: Buffer.from([3, 232]) });
      return opened(close, ...inFrames(inner.conversation(random), random), close);
    },
    'ws: another protocol': (random) => inner.conversation(random),
  };
  return {
    port,
    attacks,
    conversation: (random) => opened(...inFrames(inner.conversation(random), random)),
    greedy: (random) => opened(...inFrames(inner.greedy(random), random)),
  };
}

/** Bytes in messages that end anywhere. */
function inFrames(bytes: Buffer, random: SeededRandom): Buffer[] {
  const frames: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const count = random.between(1, PAYLOAD_BYTES_MAX);
    frames.push(clientFrame({ opcode: BINARY, payload: bytes.subarray(at, at + count) }));
    at += count;
  }
  return frames;
}
