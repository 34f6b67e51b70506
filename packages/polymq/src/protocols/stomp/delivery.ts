/**
 * MESSAGE frames of one subscription. What is the same in all of them is made once:
 *
 *   MESSAGE LF subscription:ID LF destination:   D   LF message-id:TAG@@SESSION@@   N   …   ack:TAG@@SESSION@@   N   …
 *   └──────────── head ─────────────────────┘        └───────── id ───────────┘             └─── ack ────────┘
 *
 * then come the stored lines, `content-length`, and the body: one copy from the store to the output. Large bodies are sent from
 * the store's memory.
 */
import { readHistory } from '../../core/message/history.ts';
import type { MessageView } from '../../core/message/message-bytes.ts';
import type { NeutralMessage } from '../../core/message/neutral-message.ts';
import { Copier } from '../../lib/bytes/copier.ts';
import { writeDecimal } from './codec/decimal.ts';
import { escapedText, rewritten, type Version } from './codec/escaping.ts';
import { destinationBytesMax, writeDestination } from './destinations.ts';
import {
  headerLine,
  neutralLines,
  STOMP_FORMAT_ID,
  STORED_FLAG,
  STORED_HEAD_BYTES,
  withoutLine,
} from './message-format.ts';
import type { StompSession } from './session.ts';

/** Bodies from this size on are not copied. */
const SLICE_BYTES_MIN = 32 * 1024;
const LF = 0x0a;
const REDELIVERED: Buffer = Buffer.from('\nredelivered:true\n');
const NOT_REDELIVERED: Buffer = Buffer.from('\nredelivered:false\n');
const CONTENT_LENGTH: Buffer = Buffer.from('content-length:');
/** Two numbers, a length, line ends and the end of the frame. */
const FIXED_BYTES: number = 3 * 16 + NOT_REDELIVERED.length + CONTENT_LENGTH.length + 8;
const ID_LINE: Buffer = Buffer.from('\nmessage-id:');
const EMPTY: Buffer = Buffer.alloc(0);
/** From the store to outputs. */
const copier: Copier = new Copier();

export interface DeliveryIds {
  /** What the client has named the subscription; undefined: nothing. */
  id: string | undefined;
  /** The same as it stood in the frame. */
  wireId: Buffer | undefined;
  /** `T_ID` or `Q_DESTINATION`. */
  tag: string;
  /** Whether the client answers, so that 1.2 tells it with what. */
  answered: boolean;
}

export class Delivery {
  /** The beginning of all its message ids, as the client's version writes them. */
  readonly idPrefix: Buffer;
  readonly #session: StompSession;
  readonly #version: Version;
  readonly #fixed: Buffer;
  readonly #headEnd: number;
  readonly #idEnd: number;
  readonly #copier: Copier = new Copier();

  constructor(session: StompSession, { id, wireId, tag, answered }: DeliveryIds) {
    const version = session.version;
    this.#session = session;
    this.#version = version;
    const escapedId = wireId ?? Buffer.from(escapedText(id ?? '', version));
    const escapedTag = id === undefined ? Buffer.from(escapedText(tag, version)) : escapedId;
    const prefix = Buffer.concat([
      Buffer.from(id === undefined ? '' : 'T_'),
      escapedTag,
      Buffer.from(`@@${session.sessionId}@@`),
    ]);
    const subscription = [Buffer.from('subscription:'), escapedId, Buffer.from('\n')];
    const head = Buffer.concat([
      Buffer.from('MESSAGE\n'),
      ...(id === undefined ? [] : subscription),
      Buffer.from('destination:'),
    ]);
    const idLine = Buffer.concat([ID_LINE, prefix]);
    const ackLine =
      answered && version === '1.2' ? Buffer.concat([Buffer.from('ack:'), prefix]) : EMPTY;
    this.idPrefix = idLine.subarray(ID_LINE.length);
    this.#fixed = Buffer.concat([head, idLine, ackLine]);
    this.#headEnd = head.length;
    this.#idEnd = head.length + idLine.length;
  }

  /** The message in `view`, whose delivery has that number. */
  deliver(number: number, redelivered: boolean, view: MessageView): void {
    const { buffer, exchangeAt, namesEnd, propertiesStart, bodyStart, end, bodyBytes } = view;
    const lines = this.#linesOf(view);
    const linesBytes = lines?.length ?? bodyStart - propertiesStart - STORED_HEAD_BYTES;
    const large = bodyBytes >= SLICE_BYTES_MIN;
    const { output } = this.#session;
    const bytes = this.#bytesMax(namesEnd - exchangeAt) + linesBytes + (large ? 0 : bodyBytes);
    const target = output.reserve(bytes);
    let at = this.#begin(
      target,
      output.position,
      buffer,
      exchangeAt,
      namesEnd,
      number,
      redelivered,
    );
    if (lines === undefined) {
      at = copier.copy(buffer, propertiesStart + STORED_HEAD_BYTES, bodyStart, target, at);
    } else at += lines.copy(target, at);
    at = writeLength(target, at, bodyBytes);
    if (!large) {
      at = copier.copy(buffer, bodyStart, end, target, at);
      output.position = writeEnd(target, at);
      this.#session.server.delivered.value += 1;
      return;
    }
    output.position = at;
    this.#sendSlice(view.body);
  }

  /** A message that is not in the store: a record of a stream. `names` as in `MessageView`. */
  deliverLoose(number: number, names: Buffer, neutral: NeutralMessage, body: Buffer): void {
    const lines = rewritten(neutralLines(neutral), this.#version);
    const { output } = this.#session;
    const target = output.reserve(this.#bytesMax(names.length) + lines.length + body.length);
    let at = this.#begin(target, output.position, names, 0, names.length, number, false);
    at += lines.copy(target, at);
    at = writeLength(target, at, body.length);
    at += body.copy(target, at);
    output.position = writeEnd(target, at);
    this.#session.server.delivered.value += 1;
  }

  #bytesMax(namesBytes: number): number {
    return this.#fixed.length + destinationBytesMax(namesBytes) + FIXED_BYTES;
  }

  /** Everything before the stored lines. Returns where it ends. */
  #begin(
    target: Buffer,
    start: number,
    names: Buffer,
    exchangeAt: number,
    namesEnd: number,
    number: number,
    redelivered: boolean,
  ): number {
    const fixed = this.#fixed;
    const escapes = this.#version !== '1.0';
    let at = this.#copier.copy(fixed, 0, this.#headEnd, target, start);
    at = writeDestination(target, at, names, exchangeAt, namesEnd, escapes);
    at = this.#copier.copy(fixed, this.#headEnd, this.#idEnd, target, at);
    at = writeDecimal(target, at, number);
    const flag = redelivered ? REDELIVERED : NOT_REDELIVERED;
    for (let index = 0; index < flag.length; index++) target[at++] = flag[index]!;
    if (this.#idEnd === fixed.length) return at;
    at = this.#copier.copy(fixed, this.#idEnd, fixed.length, target, at);
    at = writeDecimal(target, at, number);
    target[at] = LF;
    return at + 1;
  }

  /** The lines it leaves with; undefined: those that are stored. */
  #linesOf(view: MessageView): Buffer | undefined {
    if (view.format === STOMP_FORMAT_ID && !view.hasHistory) {
      const flags = view.buffer[view.propertiesStart]!;
      if (this.#version === '1.2' || (flags & STORED_FLAG.escapes) === 0) return undefined;
      return rewritten(view.properties.subarray(STORED_HEAD_BYTES), this.#version);
    }
    return rewritten(this.#translated(view), this.#version);
  }

  #translated(view: MessageView): Buffer {
    const { formats } = this.#session.server.broker;
    let lines: Buffer;
    if (view.format === STOMP_FORMAT_ID) lines = view.properties.subarray(STORED_HEAD_BYTES);
    else {
      lines = neutralLines(formats.neutralOf(view));
      const ttlMs = formats.get(view.format).wishes?.(view.properties).ttlMs;
      if (ttlMs !== undefined) {
        lines = Buffer.concat([lines, headerLine('expiration', String(ttlMs))]);
      }
    }
    return view.hasHistory ? withDeaths(lines, view.historyJson) : lines;
  }

  #sendSlice(body: Buffer): void {
    const { output, server } = this.#session;
    const { store } = server.broker.queues;
    const hold = store.hold();
    output.slice(body, () => store.release(hold));
    const target = output.reserve(2);
    output.position = writeEnd(target, output.position);
    server.delivered.value += 1;
  }
}

/** The empty line, and before it the length unless that is 0, as RabbitMQ has it. */
function writeLength(target: Buffer, start: number, bodyBytes: number): number {
  let at = start;
  if (bodyBytes > 0) {
    for (let index = 0; index < CONTENT_LENGTH.length; index++) {
      target[at++] = CONTENT_LENGTH[index]!;
    }
    at = writeDecimal(target, at, bodyBytes);
    target[at++] = LF;
  }
  target[at] = LF;
  return at + 1;
}

function writeEnd(target: Buffer, at: number): number {
  target[at] = 0;
  target[at + 1] = LF;
  return at + 2;
}

/** The first death and the last one, in RabbitMQ's headers. The message lives on without a time limit. */
function withDeaths(lines: Buffer, historyJson: string): Buffer {
  const deaths = readHistory(historyJson);
  const last = deaths[0];
  if (last === undefined) return lines;
  const first = deaths.reduce((oldest, death) => (death.firstMs < oldest.firstMs ? death : oldest));
  const facts = [
    ['first', first],
    ['last', last],
  ] as const;
  const more = facts.flatMap(([which, { exchange, queue, reason }]) => [
    headerLine(`x-${which}-death-exchange`, exchange),
    headerLine(`x-${which}-death-queue`, queue),
    headerLine(`x-${which}-death-reason`, reason),
  ]);
  return Buffer.concat([withoutLine(lines, 'expiration'), ...more]);
}
