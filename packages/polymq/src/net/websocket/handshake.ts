/**
 * The opening handshake (RFC 6455 §4.2): an HTTP request that asks to go on as a WebSocket, and its answer.
 *
 * Any path will do: there is one service behind a listener, and clients of other brokers come with `/mqtt`, `/ws`,
 * `/stomp` or nothing. Extensions are never agreed to. A client that asks for subprotocols must ask for one that is
 * spoken here; one that asks for none is taken at its word later, by the protocol itself.
 */
import { createHash } from 'node:crypto';
import { HttpRefusal } from '../http/http-refusal.ts';
import type { RequestHead } from '../http/request-head.ts';
import type { OriginRule } from './origin-rule.ts';

const ACCEPT_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const VERSION = '13';
/** Sixteen bytes in base64. */
const KEY = /^[A-Za-z0-9+/]{22}==$/;

const REASONS: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  403: 'Forbidden',
  405: 'Method Not Allowed',
  413: 'Content Too Large',
  414: 'URI Too Long',
  417: 'Expectation Failed',
  426: 'Upgrade Required',
  431: 'Request Header Fields Too Large',
  501: 'Not Implemented',
  505: 'HTTP Version Not Supported',
};

export interface HandshakeRules {
  /** Best first. */
  readonly subprotocols: readonly string[];
  readonly origins: OriginRule;
}

/** The answer that opens the connection. Throws `HttpRefusal` if the request is none that may. */
export function acceptHandshake(head: RequestHead, rules: HandshakeRules): Buffer {
  checkUpgrade(head);
  const origin = head.header('origin');
  if (!rules.origins.admits(origin)) {
    const text = `pages from ${origin} may not connect; name the origin in the setting websocket.origins`;
    throw new HttpRefusal(403, text);
  }
  const key = head.header('sec-websocket-key');
  if (key === undefined || !KEY.test(key)) {
    throw new HttpRefusal(400, 'Sec-WebSocket-Key is not sixteen bytes in base64');
  }
  const subprotocol = chosen(head.header('sec-websocket-protocol'), rules.subprotocols);
  const accept = createHash('sha1')
    .update(key + ACCEPT_GUID)
    .digest('base64');
  const lines = [
    'HTTP/1.1 101 Switching Protocols',
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Accept: ${accept}`,
  ];
  if (subprotocol !== undefined) lines.push(`Sec-WebSocket-Protocol: ${subprotocol}`);
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
}

/** What a client is told that may not come in. The connection is closed afterwards. */
export function refusalAnswer(refusal: HttpRefusal): Buffer {
  const { status, message } = refusal;
  const body = Buffer.from(`${message}\n`);
  const lines = [
    `HTTP/1.1 ${status} ${REASONS[status] ?? 'Refused'}`,
    // Both say what would be accepted (RFC 9110 §15.5.22, RFC 6455 §4.4).
    ...(status === 426 ? ['Upgrade: websocket', `Sec-WebSocket-Version: ${VERSION}`] : []),
    ...(status === 405 ? ['Allow: GET'] : []),
    `Connection: ${status === 426 ? 'Upgrade, close' : 'close'}`,
    'Content-Type: text/plain; charset=utf-8',
    `Content-Length: ${body.length}`,
  ];
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), body]);
}

function checkUpgrade(head: RequestHead): void {
  if (head.method !== 'GET') throw new HttpRefusal(405, 'a WebSocket is opened with GET');
  if (head.old) throw new HttpRefusal(400, 'a WebSocket is opened with HTTP/1.1');
  if (!names(head.header('upgrade'), 'websocket') || !names(head.header('connection'), 'upgrade')) {
    throw new HttpRefusal(426, 'this listener speaks WebSocket only');
  }
  const version = head.header('sec-websocket-version');
  if (version !== VERSION) {
    throw new HttpRefusal(426, `WebSocket version ${VERSION} is spoken here, not ${version}`);
  }
  if (head.chunked || head.contentLength > 0) {
    throw new HttpRefusal(400, 'a WebSocket is opened without a body');
  }
}

function chosen(asked: string | undefined, offered: readonly string[]): string | undefined {
  if (asked === undefined) return undefined;
  const wanted = tokens(asked);
  const subprotocol = offered.find((name) => wanted.includes(name));
  if (subprotocol === undefined) {
    throw new HttpRefusal(400, `none of the subprotocols is ${offered.join(' or ')}`);
  }
  return subprotocol;
}

function names(list: string | undefined, wanted: string): boolean {
  return list !== undefined && tokens(list.toLowerCase()).includes(wanted);
}

function tokens(list: string): string[] {
  return list.split(',').map((token) => token.trim());
}
