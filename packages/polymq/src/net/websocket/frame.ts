/**
 * The bytes around payloads on a WebSocket (RFC 6455 §5.2). Servers send without a mask, clients with one.
 *
 *   byte 0      FIN · RSV1-3 (must be 0) · opcode (4 bits)
 *   byte 1      MASK · length (7 bits): 0-125, or 126: 2 more bytes follow, or 127: 8 more bytes
 *   then        0, 2 or 8 bytes of length, big-endian, the shortest form that holds it
 *   then        4 bytes of mask if MASK is set; byte i of the payload is XORed with mask byte i mod 4
 *   then        the payload
 */
export const CONTINUATION = 0x0;
export const TEXT = 0x1;
export const BINARY = 0x2;
export const CLOSE = 0x8;
export const PING = 0x9;
export const PONG = 0xa;

export const FIN = 0x80;
export const RESERVED = 0x70;
export const OPCODE = 0x0f;
/** Of opcodes: control frames are short, whole, and may stand between the fragments of a message. */
export const CONTROL = 0x08;
export const MASKED = 0x80;
export const LENGTH = 0x7f;
export const CONTROL_BYTES_MAX = 125;
const UINT16_MAX = 0xffff;

/** Why a connection is closed (RFC 6455 §7.4.1). */
export const NORMAL = 1000;
export const PROTOCOL_ERROR = 1002;
export const TOO_LARGE = 1009;

/** What the peer sent breaks the rules: it is told the code, and the connection ends. */
export class WebSocketError extends Error {
  override readonly name = 'WebSocketError';
  readonly code: number;

  constructor(code: number, reason: string) {
    super(reason);
    this.code = code;
  }
}

/** What stands before a payload of `bytes` that the server sends whole. */
export function frameHeader(opcode: number, bytes: number): Buffer {
  if (bytes <= CONTROL_BYTES_MAX) return Buffer.from([FIN | opcode, bytes]);
  if (bytes <= UINT16_MAX) return Buffer.from([FIN | opcode, 126, bytes >>> 8, bytes & 0xff]);
  const header = Buffer.alloc(10);
  header[0] = FIN | opcode;
  header[1] = 127;
  header.writeUIntBE(bytes, 4, 6);
  return header;
}

/** A control frame that the server sends. */
export function controlFrame(opcode: number, payload: Uint8Array): Buffer {
  return Buffer.concat([frameHeader(opcode, payload.length), payload]);
}

/** `code` 0: a close frame without a reason. */
export function closeFrame(code: number, reason = ''): Buffer {
  if (code === 0) return frameHeader(CLOSE, 0);
  const payload = Buffer.alloc(CONTROL_BYTES_MAX);
  payload.writeUInt16BE(code, 0);
  // Buffer.write leaves a character out rather than cutting it.
  const end = 2 + payload.write(reason, 2);
  return controlFrame(CLOSE, payload.subarray(0, end));
}

/** What to answer to a close frame: its code, 0 for none. Throws if it is malformed. */
export function closeCode(payload: Buffer): number {
  if (payload.length === 0) return 0;
  if (payload.length === 1) throw new WebSocketError(PROTOCOL_ERROR, 'a close code has two bytes');
  const code = payload.readUInt16BE(0);
  const registered = code >= 1000 && code <= 1014 && ![1004, 1005, 1006].includes(code);
  if (!registered && !(code >= 3000 && code <= 4999)) {
    throw new WebSocketError(PROTOCOL_ERROR, `${code} is no close code`);
  }
  return code;
}
