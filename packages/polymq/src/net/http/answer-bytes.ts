/**
 * Answers as bytes: one piece for small ones, head and body apart for large ones.
 *
 * The status line and the date are the same for all answers of a second and a status, and kept.
 */
import type { HttpAnswer } from './http-exchange.ts';

/** Up to here copying the body behind its head is cheaper than one more piece in a gathered write. */
const JOINED_BYTES_MAX = 16 * 1024;

const REASONS: Readonly<Record<number, string>> = {
  200: 'OK',
  201: 'Created',
  202: 'Accepted',
  204: 'No Content',
  301: 'Moved Permanently',
  302: 'Found',
  304: 'Not Modified',
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  409: 'Conflict',
  411: 'Length Required',
  413: 'Content Too Large',
  414: 'URI Too Long',
  415: 'Unsupported Media Type',
  417: 'Expectation Failed',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  503: 'Service Unavailable',
  505: 'HTTP Version Not Supported',
};

export const CONTINUE: Buffer = Buffer.from('HTTP/1.1 100 Continue\r\n\r\n', 'latin1');

export interface AnswerForm {
  /** To HEAD: the length of the body, but not the body. */
  readonly headOnly: boolean;
  /** What the `connection` header says; undefined: no such header. */
  readonly connection: 'close' | 'keep-alive' | undefined;
  /** By the wall clock. */
  readonly nowMs: number;
}

/** Adds the answer to `pieces`. A large body that is a buffer is not copied. */
export function writeAnswer(answer: HttpAnswer, form: AnswerForm, pieces: Buffer[]): void {
  const { body, status } = answer;
  const bodyless = status === 204 || status === 304;
  const bodyBytes = typeof body === 'string' ? Buffer.byteLength(body) : body.length;
  let head = statusLines(status, form.nowMs);
  if (answer.contentType !== undefined && !bodyless) {
    head += `content-type: ${oneLine(answer.contentType)}\r\n`;
  }
  if (answer.headers !== undefined) {
    for (const [name, value] of answer.headers) head += `${name}: ${oneLine(value)}\r\n`;
  }
  if (form.connection !== undefined) head += `connection: ${form.connection}\r\n`;
  head += bodyless ? '\r\n' : `content-length: ${bodyBytes}\r\n\r\n`;
  const sent = bodyless || form.headOnly ? 0 : bodyBytes;
  if (sent > JOINED_BYTES_MAX) {
    pieces.push(Buffer.from(head, 'latin1'), typeof body === 'string' ? Buffer.from(body) : body);
    return;
  }
  const piece = Buffer.allocUnsafe(head.length + sent);
  piece.write(head, 0, 'latin1');
  if (sent > 0) {
    if (typeof body === 'string') piece.write(body, head.length);
    else body.copy(piece, head.length);
  }
  pieces.push(piece);
}

let second = -1;
let date = '';
/** Of 200, which nearly all answers are. */
let okLines = '';

function statusLines(status: number, nowMs: number): string {
  const now = Math.floor(nowMs / 1000);
  if (now !== second) {
    second = now;
    date = new Date(now * 1000).toUTCString();
    okLines = linesOf(200);
  }
  return status === 200 ? okLines : linesOf(status);
}

function linesOf(status: number): string {
  return `HTTP/1.1 ${status} ${REASONS[status] ?? 'Unknown'}\r\ndate: ${date}\r\n`;
}

/** A value that came from outside must not begin a header of its own. */
function oneLine(value: string): string {
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if (code < 0x20 || code === 0x7f || code > 0xff) return value.replace(/[^\x20-\x7e]/g, ' ');
  }
  return value;
}
