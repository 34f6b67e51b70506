/**
 * What a WebSocket client sends: frames alone (`websocket`), and a whole connection from its opening request on
 * (`websocket-opening`). Whatever it is and however it is cut, the same payload and the same answers come out.
 */
import type { Timers } from '../../../src/lib/environment/clock.ts';
import type { NetworkSocket, SocketHandler } from '../../../src/lib/environment/network.ts';
import { silentLogger } from '../../../src/lib/logger.ts';
import { WebSocketError } from '../../../src/net/websocket/frame.ts';
import { FrameDecoder } from '../../../src/net/websocket/frame-decoder.ts';
import { OriginRule } from '../../../src/net/websocket/origin-rule.ts';
import {
  clientFrame,
  HANDSHAKE,
  request,
} from '../../../src/net/websocket/testing/client-frames.ts';
import { WebSocketSocket } from '../../../src/net/websocket/web-socket-socket.ts';
import { type FuzzTarget, WrongResult } from '../target.ts';
import { cutsOf, STALL_OF_CUTS_MS } from './splits.ts';

const MESSAGE_BYTES_MAX = 2000;
/** Small, so that payloads cross it. */
const ROOM_BYTES = 64;
const CONTROL_BYTES_MAX = 125;
const HEAD_END = '\r\n\r\n';

export function websocket(): FuzzTarget {
  return {
    name: 'websocket',
    seeds: frames,
    run: (input) => {
      const whole = decode(input, [input.length]);
      for (const cut of cutsOf(input.length))
        compare(whole, decode(input, [cut, input.length]), cut);
      if (whole.error) throw whole.error;
    },
    allows: (error) => error instanceof WebSocketError,
    memoryBytesMax: 1 << 20,
    stallMs: STALL_OF_CUTS_MS,
  };
}

interface Outcome {
  text: string;
  error?: WebSocketError | undefined;
}

function decode(input: Buffer, ends: readonly number[]): Outcome {
  const room = Buffer.alloc(ROOM_BYTES);
  let payload = '';
  const controls: string[] = [];
  const decoder = new FrameDecoder(
    {
      room: () => room,
      filled: (count) => {
        if (count < 1 || count > ROOM_BYTES) throw new WrongResult(`${count} bytes in a room`);
        payload += room.toString('latin1', 0, count);
      },
      control: (opcode, bytes) => {
        if (bytes.length > CONTROL_BYTES_MAX) throw new WrongResult('a control frame is too long');
        controls.push(`${opcode} ${bytes.toString('latin1')}`);
      },
    },
    MESSAGE_BYTES_MAX,
  );
  let error: WebSocketError | undefined;
  try {
    let start = 0;
    for (const end of ends) {
      decoder.decode(input, start, end);
      start = end;
    }
  } catch (thrown) {
    if (!(thrown instanceof WebSocketError)) throw thrown;
    error = thrown;
  }
  if (payload.length > input.length) throw new WrongResult('more payload than there were bytes');
  return { text: JSON.stringify([payload, controls, error?.message]), error };
}

class Refused extends Error {}

export function websocketOpening(): FuzzTarget {
  return {
    name: 'websocket-opening',
    seeds: () => {
      const rest = Buffer.concat(frames());
      const protocol = [...HANDSHAKE, 'Sec-WebSocket-Protocol: mqttv3.1, mqtt'];
      const origin = [...protocol, 'Origin: http://localhost:3000', 'X: y'];
      return [request(), request(protocol), request(origin)].flatMap((head) => [
        head,
        Buffer.concat([head, rest]),
      ]);
    },
    run: (input) => {
      const whole = connect(input, [input.length]);
      // Of a head that never ends only the first piece is looked at.
      if (input.includes(HEAD_END)) {
        for (const cut of cutsOf(input.length)) {
          compare(whole, connect(input, [cut, input.length]), cut);
        }
      }
      if (!whole.text.includes('101 Switching')) throw new Refused('refused');
    },
    allows: (error) => error instanceof Refused,
    memoryBytesMax: 2 << 20,
    stallMs: 2 * STALL_OF_CUTS_MS,
  };
}

/** One connection: what its reader got, what was written, and how it ended. */
function connect(input: Buffer, ends: readonly number[]): Outcome {
  const socket = new FakeSocket();
  const room = Buffer.alloc(ROOM_BYTES);
  let payload = '';
  const timers: Timers = {
    after: () => ({ unref() {} }),
    clear() {},
    immediate() {},
  };
  const opened = new WebSocketSocket(socket, {
    subprotocols: ['mqtt', 'mqttv3.1'],
    origins: new OriginRule(true, []),
    mayBeText: true,
    messageBytesMax: MESSAGE_BYTES_MAX,
    timers,
    logger: silentLogger,
    protocolErrors: { value: 0 },
  });
  opened.start({
    buffer: () => room,
    onRead: (count) => {
      payload += room.toString('latin1', 0, count);
      opened.write([Buffer.from(`${payload.length}`)]);
    },
    onDrain() {},
    onClose() {},
  });
  let start = 0;
  for (const end of ends) {
    socket.receive(input.subarray(start, end));
    start = end;
  }
  opened.destroy();
  // Answers to payload depend on where it was cut.
  const answers = socket.written.filter((piece) => !/^[\x81\x82]./s.test(piece));
  return { text: JSON.stringify([payload, answers, socket.ended]) };
}

class FakeSocket implements NetworkSocket {
  readonly remoteAddress = '127.0.0.1';
  readonly remotePort = 1;
  readonly localAddress = '127.0.0.1';
  readonly localPort = 2;
  readonly pendingBytes = 0;
  readonly written: string[] = [];
  ended = false;
  #handler!: SocketHandler;

  start(handler: SocketHandler): void {
    this.#handler = handler;
  }

  receive(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; ) {
      const room = this.#handler.buffer();
      const count = Math.min(room.length, bytes.length - at);
      room.set(bytes.subarray(at, at + count));
      this.#handler.onRead(count);
      at += count;
    }
  }

  write(buffers: readonly Uint8Array[], onSent?: () => void): boolean {
    this.written.push(Buffer.concat(buffers).toString('latin1'));
    onSent?.();
    return true;
  }

  pause(): void {}
  resume(): void {}

  end(): void {
    this.ended = true;
  }

  destroy(): void {}
}

function compare(whole: Outcome, cut: Outcome, at: number): void {
  if (whole.text === cut.text) return;
  throw new WrongResult(`whole: ${whole.text}; cut at ${at}: ${cut.text}`.slice(0, 500));
}

function frames(): Buffer[] {
  const payload = Buffer.from('hello');
  const text = clientFrame({ opcode: 1, payload: Buffer.from('é') });
  const parts = [
    clientFrame({ opcode: 2, payload, fin: false }),
    clientFrame({ opcode: 9, payload: Buffer.from('ping') }),
    clientFrame({ opcode: 0, payload, fin: false }),
    clientFrame({ opcode: 0, payload: Buffer.alloc(0) }),
  ];
  return [
    text,
    clientFrame({ opcode: 2, payload: Buffer.alloc(200, 'x') }),
    clientFrame({ opcode: 2, payload: Buffer.alloc(MESSAGE_BYTES_MAX, 'y') }),
    Buffer.concat(parts),
    clientFrame({ opcode: 10, payload: Buffer.alloc(125) }),
    Buffer.concat([text, clientFrame({ opcode: 8, payload: Buffer.from([3, 232, 98]) })]),
    clientFrame({ opcode: 2, payload, lengthBytes: 8 }),
    clientFrame({ opcode: 2, payload, reserved: 0x40 }),
  ];
}
