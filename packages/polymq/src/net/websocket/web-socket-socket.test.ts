import { describe, expect, it } from 'vitest';
import { CounterRegistry } from '../../lib/counters.ts';
import type { NetworkSocket, SocketHandler } from '../../lib/environment/network.ts';
import { SimulatedClock } from '../../lib/environment/simulated/simulated-clock.ts';
import { silentLogger } from '../../lib/logger.ts';
import { OriginRule } from './origin-rule.ts';
import { clientFrame, HANDSHAKE, request } from './testing/client-frames.ts';
import { WebSocketSocket } from './web-socket-socket.ts';

const ACCEPTED =
  'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
  'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n';

/** The TCP side, and the reader on the other side of the WebSocket. */
class Wire implements NetworkSocket {
  readonly remoteAddress = '127.0.0.1';
  readonly remotePort = 1;
  readonly localAddress = '127.0.0.1';
  readonly localPort = 2;
  readonly clock = new SimulatedClock();
  readonly socket: WebSocketSocket;
  readonly errors = new CounterRegistry().counter('polymq_protocol_errors_total', {});
  readonly written: Buffer[] = [];
  readonly writes: (readonly Uint8Array[])[] = [];
  readonly log: string[] = [];
  pendingBytes = 0;
  received = '';
  onSent: (() => void) | undefined;
  #handler: SocketHandler | undefined;
  readonly #room = Buffer.alloc(50);

  constructor(mayBeText = false, allowed: readonly string[] = []) {
    this.socket = new WebSocketSocket(this, {
      subprotocols: ['mqtt', 'mqttv3.1'],
      origins: new OriginRule(true, allowed),
      mayBeText,
      messageBytesMax: 1000,
      timers: this.clock,
      logger: silentLogger,
      protocolErrors: this.errors,
    });
    this.socket.start({
      buffer: () => this.#room,
      onRead: (count) => {
        this.received += this.#room.toString('utf8', 0, count);
        if (this.received.endsWith('destroy')) this.socket.destroy();
      },
      onDrain: () => this.log.push('drain'),
      onClose: () => this.log.push('close'),
    });
  }

  start(handler: SocketHandler): void {
    this.#handler = handler;
  }
  pause(): void {
    this.log.push('pause');
  }
  resume(): void {
    this.log.push('resume');
  }
  write(buffers: readonly Uint8Array[], onSent?: () => void): boolean {
    this.writes.push(buffers);
    this.written.push(Buffer.concat(buffers));
    this.onSent = onSent;
    return true;
  }
  end(): void {
    this.log.push('end');
  }
  destroy(): void {
    this.log.push('destroy');
    this.#handler!.onClose();
  }

  /** Bytes come from the client, in reads of any size. */
  arrive(...pieces: Buffer[]): this {
    for (const piece of pieces) {
      this.#handler!.buffer().set(piece);
      this.#handler!.onRead(piece.length);
    }
    return this;
  }

  /** What was written since the handshake. */
  get sent(): Buffer[] {
    return this.written.slice(1);
  }

  get answer(): string {
    return this.written[0]?.toString() ?? '';
  }
}

function opened(mayBeText = false): Wire {
  return new Wire(mayBeText).arrive(request());
}

function without(name: string, ...lines: string[]): Buffer {
  return request([...HANDSHAKE.filter((line) => !line.startsWith(name)), ...lines]);
}

describe('the opening handshake', () => {
  it('is answered as RFC 6455 has it, wherever the request is cut', () => {
    const bytes = Buffer.concat([
      request(),
      clientFrame({ opcode: 2, payload: Buffer.from('first') }),
    ]);
    for (let cut = 1; cut < bytes.length; cut++) {
      const wire = new Wire().arrive(bytes.subarray(0, cut), bytes.subarray(cut));
      expect(wire.answer).toBe(ACCEPTED);
      expect(wire.received).toBe('first');
    }
  });

  it('may come byte by byte', () => {
    const wire = new Wire().arrive(...Array.from(request(), (byte) => Buffer.from([byte])));
    expect(wire.answer).toBe(ACCEPTED);
  });

  it('chooses the best subprotocol that is asked for', () => {
    const lines = [...HANDSHAKE, 'Sec-WebSocket-Protocol: other, mqttv3.1, mqtt'];
    expect(new Wire().arrive(request(lines)).answer).toContain(
      '\r\nSec-WebSocket-Protocol: mqtt\r\n',
    );
  });

  const refused: [string, Buffer, number][] = [
    ['no subprotocol that is spoken', request([...HANDSHAKE, 'Sec-WebSocket-Protocol: wamp']), 400],
    ['another method', request(['POST / HTTP/1.1', ...HANDSHAKE.slice(1)]), 405],
    ['HTTP/1.0', request(['GET / HTTP/1.0', ...HANDSHAKE.slice(1)]), 400],
    ['no upgrade', without('Upgrade'), 426],
    ['an upgrade to something else', without('Upgrade', 'Upgrade: h2c'), 426],
    ['no upgrade of the connection', without('Connection', 'Connection: close'), 426],
    ['another version', without('Sec-WebSocket-Version', 'Sec-WebSocket-Version: 8'), 426],
    ['no key', without('Sec-WebSocket-Key'), 400],
    ['a short key', without('Sec-WebSocket-Key', 'Sec-WebSocket-Key: abcd'), 400],
    ['no host', without('Host'), 400],
    ['a body', request([...HANDSHAKE, 'Content-Length: 5']), 400],
    ['a large head', request([...HANDSHAKE, `Cookie: ${'x'.repeat(17_000)}`]), 431],
    ['no HTTP at all', Buffer.from([0x10, 0x10, 0x00, 0x04]), 400],
    ['a strange page', request([...HANDSHAKE, 'Origin: https://evil.example']), 403],
  ];
  it.each(refused)('is refused with a reason: %s', (_, bytes, status) => {
    const wire = new Wire().arrive(bytes);
    expect(wire.answer).toMatch(new RegExp(`^HTTP/1.1 ${status} [A-Z].*\r\n`));
    expect(wire.log).toEqual(['end']);
    expect(wire.errors.value).toBe(1);
    wire.arrive(request());
    expect(wire.written).toHaveLength(1);
  });

  it('tells which version is spoken', () => {
    const { answer } = new Wire().arrive(without('Sec-WebSocket-Version'));
    expect(answer).toContain('\r\nSec-WebSocket-Version: 13\r\n');
  });
});

describe('web pages', () => {
  const from = (origin: string, allowed: string[] = []) =>
    new Wire(false, allowed).arrive(request([...HANDSHAKE, `Origin: ${origin}`])).answer ===
    ACCEPTED;

  it('of this machine may connect, others only when they are named', () => {
    expect(from('http://localhost:8080')).toBe(true);
    expect(from('http://[::1]:8080')).toBe(true);
    expect(from('https://app.example')).toBe(false);
    expect(from('null')).toBe(false);
    expect(from('https://app.example', ['https://App.example:443'])).toBe(true);
    expect(from('http://app.example', ['https://app.example'])).toBe(false);
    expect(from('https://app.example.evil', ['https://app.example'])).toBe(false);
    expect(from('null', ['*'])).toBe(true);
  });

  it('of this machine must be named where other machines can connect too', () => {
    const rule = new OriginRule(false, []);
    expect(rule.admits('http://localhost')).toBe(false);
    expect(rule.admits(undefined)).toBe(true);
  });
});

describe('an open WebSocket', () => {
  it('hands on payloads through whatever room the reader has', () => {
    const payload = Buffer.from('0123456789'.repeat(12));
    const wire = opened().arrive(clientFrame({ opcode: 2, payload }));
    expect(wire.received).toBe(payload.toString());
  });

  it.each([
    [0, [0x82, 0]],
    [125, [0x82, 125]],
    [126, [0x82, 126, 0, 126]],
    [65_535, [0x82, 126, 255, 255]],
    [65_536, [0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]],
  ])('sends %i bytes as one binary message without copying them', (bytes, header) => {
    const wire = opened();
    const pieces = [Buffer.alloc(bytes >> 1, 'a'), Buffer.alloc(bytes - (bytes >> 1), 'b')];
    let sent = false;
    wire.socket.write(pieces, () => {
      sent = true;
    });
    expect(wire.sent[0]!.equals(Buffer.concat([Buffer.from(header), ...pieces]))).toBe(true);
    expect(wire.writes[1]!.slice(1).every((piece, i) => piece === pieces[i])).toBe(true);
    wire.onSent?.();
    expect(sent).toBe(true);
  });

  it('answers with text to a client of text, if it is UTF-8 and the protocol may', () => {
    const euro = Buffer.from('€');
    const opcodeOf = (wire: Wire, ...pieces: Buffer[]) => {
      wire.socket.write(pieces);
      return wire.sent[0]![0]! & 0x0f;
    };
    const hello = (opcode: number) => clientFrame({ opcode, payload: Buffer.from('hello') });
    expect(opcodeOf(opened(true).arrive(hello(1)), euro)).toBe(1);
    expect(opcodeOf(opened(true).arrive(hello(1)), euro.subarray(0, 1), euro.subarray(1))).toBe(1);
    expect(opcodeOf(opened(true).arrive(hello(1)), euro.subarray(0, 2))).toBe(2);
    expect(opcodeOf(opened(true).arrive(hello(1), hello(2)), euro)).toBe(2);
    expect(opcodeOf(opened(false).arrive(hello(1)), euro)).toBe(2);
  });

  it('answers pings with what they hold, and tells a writer that waited for room behind it', () => {
    const wire = opened().arrive(clientFrame({ opcode: 9, payload: Buffer.from('are you there') }));
    expect(wire.sent).toEqual([Buffer.from('\x8a\x0dare you there', 'latin1')]);
    wire.onSent!();
    expect(wire.log).toEqual(['drain']);
  });

  it('does not answer pings of a client that reads nothing', () => {
    const wire = opened();
    wire.pendingBytes = 1 << 20;
    wire.arrive(clientFrame({ opcode: 9, payload: Buffer.from('?') }));
    expect(wire.sent).toEqual([]);
  });

  it('pauses and resumes the socket below', () => {
    const wire = opened();
    wire.socket.pause();
    wire.socket.resume();
    expect(wire.log).toEqual(['pause', 'resume']);
  });
});

describe('the end of a WebSocket', () => {
  const code = (frame: Buffer) => [frame[0], frame.readUInt16BE(2)];

  it('sends a close frame first when the session ends it, and nothing later', () => {
    const wire = opened();
    wire.socket.end();
    wire.socket.write([Buffer.from('late')]);
    wire.socket.end();
    expect(wire.sent.map(code)).toEqual([[0x88, 1000]]);
    expect(wire.log).toEqual(['end']);
    wire.arrive(clientFrame({ opcode: 2, payload: Buffer.from('late') }));
    expect(wire.received).toBe('');
  });

  it('answers the close frame of the client with its code', () => {
    const wire = opened().arrive(clientFrame({ opcode: 8, payload: Buffer.from([0x0f, 0xa1]) }));
    expect(wire.sent.map(code)).toEqual([[0x88, 4001]]);
    expect(wire.log).toEqual(['end']);
    expect(wire.errors.value).toBe(0);
  });

  it.each([[[3]], [[0x03, 0xed]], [[0, 0]], [[0x27, 0x10]]])(
    'refuses a malformed close frame: %j',
    (payload) => {
      const wire = opened().arrive(clientFrame({ opcode: 8, payload: Buffer.from(payload) }));
      expect(wire.sent.map(code)).toEqual([[0x88, 1002]]);
    },
  );

  it('tells a client that breaks the rules why, after what came before was handled', () => {
    const bytes = [
      clientFrame({ opcode: 2, payload: Buffer.from('good') }),
      clientFrame({ opcode: 2, payload: Buffer.alloc(1001) }),
    ];
    const wire = opened().arrive(Buffer.concat(bytes));
    expect(wire.received).toBe('good');
    expect(wire.sent.map(code)).toEqual([[0x88, 1009]]);
    expect(wire.sent[0]!.toString()).toContain('a message is larger than 1000 bytes');
    expect(wire.errors.value).toBe(1);
  });

  it('hands on nothing more once the reader has destroyed it', () => {
    const frame = clientFrame({
      opcode: 2,
      payload: Buffer.from(`${'x'.repeat(43)}destroyy`),
    });
    const wire = opened().arrive(Buffer.concat([frame, frame]));
    expect(wire.received).toBe(`${'x'.repeat(43)}destroy`);
    expect(wire.log).toEqual(['destroy', 'close']);
  });

  it('cuts a client that does not close its side', () => {
    const wire = opened();
    wire.socket.end();
    wire.clock.advance(5_000);
    expect(wire.log).toEqual(['end', 'destroy', 'close']);
  });

  it('gives a client longer that has not read everything yet, but not for ever', () => {
    const wire = opened();
    wire.pendingBytes = 1;
    wire.socket.end();
    wire.clock.advance(55_000);
    expect(wire.log).toEqual(['end']);
    wire.clock.advance(5_000);
    expect(wire.log).toEqual(['end', 'destroy', 'close']);
  });
});
