/**
 * How connections of STOMP stand in transcripts (docs of `runTranscript` in ../../transcripts):
 *
 *   > a connect 1.2                   opens connection `a` and logs in; without a version it speaks 1.0
 *   > a socket                        opens a connection and says nothing yet
 *   > a SEND destination:/queue/x | hello
 *                                     a frame: headers as they stand on the wire, in quotes if there are spaces in one, then
 *                                     the body as in JSON text
 *   < a MESSAGE destination:… | hello what the broker says
 *   > a raw SEND\ndestination…        octets as in JSON text
 */
import type { Language, Speaker } from '../../transcripts/language.ts';

export const STOMP: Language = {
  separator: ' ',
  /** RabbitMQ's are of the same form. */
  generated: /(session|amq\.gen|stomp-subscription)-[A-Za-z0-9_-]{22}/g,
  open: (text) => (/^(connect|socket)( |$)/.test(text) ? new StompSpeaker() : undefined),
};

const SERVER = /server:RabbitMQ\/\S+( PolyMQ\/\S+)?/;

class StompSpeaker implements Speaker {
  #received: Buffer = Buffer.alloc(0);

  say(text: string): Buffer | undefined {
    const [first, second] = text.split(' ');
    if (first === 'socket') return undefined;
    if (first === 'connect') return connectFrame(second);
    if (first === 'raw') return Buffer.from(JSON.parse(`"${text.slice(4)}"`) as string);
    return frameOf(text);
  }

  hear(bytes: Buffer): string[] {
    this.#received = Buffer.concat([this.#received, bytes]);
    const lines: string[] = [];
    for (let line = this.#takeFrame(); line !== undefined; line = this.#takeFrame()) {
      lines.push(line);
    }
    return lines;
  }

  /** One frame as a line. */
  #takeFrame(): string | undefined {
    const received = this.#received;
    if (received.length === 0) return undefined;
    if (received[0] === 0x0a) {
      this.#received = received.subarray(1);
      return '(heart-beat)';
    }
    const headEnd = received.indexOf('\n\n');
    if (headEnd < 0) return undefined;
    const [command = '', ...headers] = received.toString('utf8', 0, headEnd).split('\n');
    const length = /\ncontent-length:(\d+)/.exec(received.toString('utf8', 0, headEnd))?.[1];
    const bodyStart = headEnd + 2;
    const bodyEnd =
      length === undefined ? received.indexOf(0, bodyStart) : bodyStart + Number(length);
    if (bodyEnd < 0 || bodyEnd >= received.length) return undefined;
    // The line end behind a frame belongs to it, so that heart-beats can be told.
    const end = received[bodyEnd + 1] === 0x0a ? bodyEnd + 2 : bodyEnd + 1;
    this.#received = received.subarray(end);
    const body = JSON.stringify(received.toString('utf8', bodyStart, bodyEnd)).slice(1, -1);
    const words = [command, ...headers.map(quoted)].join(' ').replace(SERVER, 'server:…');
    return body === '' ? words : `${words} | ${body}`;
  }
}

function connectFrame(version: string | undefined): Buffer {
  const accept = version === undefined ? '' : `accept-version:${version}\n`;
  return Buffer.from(`CONNECT\n${accept}host:/\nlogin:guest\npasscode:guest\n\n\0`);
}

function frameOf(text: string): Buffer {
  const at = text.indexOf(' | ');
  const head = at < 0 ? text : text.slice(0, at);
  const body = at < 0 ? '' : (JSON.parse(`"${text.slice(at + 3)}"`) as string);
  const [command, ...headers] = head.match(/"[^"]*"|\S+/g) ?? [];
  const lines = headers.map((header) => `${header.replaceAll('"', '')}\n`);
  return Buffer.from(`${command}\n${lines.join('')}\n${body}\0`);
}

function quoted(header: string): string {
  const text = header.replaceAll('\r', '␍');
  return text.includes(' ') && !text.startsWith('server:') ? `"${text}"` : text;
}
