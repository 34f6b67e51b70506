/** Frames as a client sends them, made without the code under test. */
export interface ClientFrame {
  opcode: number;
  payload: Buffer;
  fin?: boolean;
  mask?: readonly [number, number, number, number];
  reserved?: number;
  /** Bytes that the length takes: 0, 2 or 8. */
  lengthBytes?: number;
}

export function clientFrame(frame: ClientFrame): Buffer {
  const { opcode, payload, fin = true, mask = [1, 2, 3, 250], reserved = 0 } = frame;
  const bytes = payload.length;
  const lengthBytes = frame.lengthBytes ?? (bytes < 126 ? 0 : bytes < 65_536 ? 2 : 8);
  const length = Buffer.alloc(8);
  length.writeBigUInt64BE(BigInt(bytes));
  const short = lengthBytes === 0 ? bytes : lengthBytes === 2 ? 126 : 127;
  return Buffer.concat([
    Buffer.from([(fin ? 0x80 : 0) | reserved | opcode, 0x80 | short]),
    length.subarray(8 - lengthBytes),
    Buffer.from(mask),
    Buffer.from(payload.map((byte, i) => byte ^ mask[i % 4]!)),
  ]);
}

export const HANDSHAKE: readonly string[] = [
  'GET /anything HTTP/1.1',
  'Host: localhost:15675',
  'Upgrade: websocket',
  'Connection: keep-alive, Upgrade',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Version: 13',
];

export function request(lines: readonly string[] = HANDSHAKE): Buffer {
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`);
}
