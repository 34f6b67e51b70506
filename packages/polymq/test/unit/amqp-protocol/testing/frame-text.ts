/** Lines of a transcript as frames, and frames that came as lines. */
import {
  type Arguments,
  bodyFrames,
  decodeHeader,
  decodeMethod,
  type Field,
  FRAME_BODY,
  FRAME_END,
  FRAME_HEADER,
  FRAME_HEARTBEAT,
  FRAME_METHOD,
  frame,
  headerFrame,
  METHODS,
  methodFrame,
  PROTOCOL_HEADER,
  type Table,
} from '../../../support/amqp-frames.ts';
import type { Json, Line } from '../../transcripts/line.ts';

const FRAME_MAX = 131_072;
/** Bodies longer than this are described, not shown. */
const SHOWN_BYTES_MAX = 60;

/** `basic.publish exchange=a routingKey=b {"deliveryMode":2} "body"` and what else may be sent. */
export function framesOf(channel: number, line: Line): Buffer {
  const [what = '', ...flags] = line.words;
  const args = { ...line.args, ...Object.fromEntries(flags.map((flag) => [flag, true])) } as Table;
  switch (what) {
    case 'protocol-header':
      return PROTOCOL_HEADER;
    case 'bytes':
      return Buffer.from(String(line.args['hex']), 'hex');
    case 'text':
      return Buffer.from(String(line.values[0]));
    case 'heartbeat':
      return frame(FRAME_HEARTBEAT, channel, Buffer.alloc(0));
    case 'header': {
      const properties = (line.values[0] ?? {}) as Table;
      return headerFrame(channel, Number(args['bodyBytes']), properties);
    }
    case 'body':
      return Buffer.concat(bodyFrames(channel, bodyOf(line.values[0] ?? ''), FRAME_MAX));
    case 'basic.publish':
      return publish(channel, args, line.values);
    default:
      return methodFrame(channel, what, withBinary(args));
  }
}

function publish(channel: number, args: Table, values: readonly Json[]): Buffer {
  const method = methodFrame(channel, 'basic.publish', args);
  if (values.length === 0) return method;
  const properties = typeof values[0] === 'string' ? {} : (values[0] as Table);
  const body = bodyOf(values.at(-1)!);
  return Buffer.concat([
    method,
    headerFrame(channel, body.length, properties),
    ...bodyFrames(channel, body, FRAME_MAX),
  ]);
}

/** `"text"`, or `[70000]` for so many bytes. */
function bodyOf(value: Json): Buffer {
  return Array.isArray(value) ? Buffer.alloc(Number(value[0]), 'x') : Buffer.from(String(value));
}

/** `\0` cannot stand in a line: `response="|guest|guest"`. */
function withBinary(args: Table): Table {
  const { response } = args;
  if (typeof response !== 'string') return args;
  return { ...args, response: response.replaceAll('|', '\0') };
}

interface Content {
  channel: number;
  text: string;
  left: number;
  properties: Arguments;
  parts: Buffer[];
}

/** Cuts what comes on one connection into lines, without the name of the connection. */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0);
  readonly #open = new Map<number, Content>();

  read(bytes: Buffer): string[] {
    const lines: string[] = [];
    let all = Buffer.concat([this.#rest, bytes]);
    if (all.length >= 8 && all.toString('latin1', 0, 4) === 'AMQP') {
      lines.push(`protocol-header ${[...all.subarray(4, 8)].join('.')}`);
      all = all.subarray(8);
    }
    let at = 0;
    while (all.length - at >= 8) {
      const end = at + 8 + all.readUInt32BE(at + 3);
      if (end > all.length) break;
      if (all[end - 1] !== FRAME_END) throw new Error(`a frame ends with ${all[end - 1]}`);
      const line = this.#frame(all[at]!, all.readUInt16BE(at + 1), all.subarray(at + 7, end - 1));
      if (line !== undefined) lines.push(line);
      at = end;
    }
    this.#rest = Buffer.from(all.subarray(at));
    return lines;
  }

  #frame(type: number, channel: number, payload: Buffer): string | undefined {
    if (type === FRAME_HEARTBEAT) return `${channel} heartbeat`;
    if (type === FRAME_METHOD) return this.#method(channel, payload);
    const open = this.#open.get(channel);
    if (open === undefined) throw new Error(`a frame of type ${type} out of place`);
    if (type === FRAME_HEADER) {
      const { bodyBytes, properties } = decodeHeader(payload);
      Object.assign(open, { left: bodyBytes, properties });
    } else if (type === FRAME_BODY) {
      open.parts.push(Buffer.from(payload));
      open.left -= payload.length;
    }
    if (open.left > 0) return undefined;
    this.#open.delete(channel);
    return `${open.text} ${JSON.stringify(open.properties)} ${bodyText(open.parts)}`;
  }

  #method(channel: number, payload: Buffer): string | undefined {
    const { name, args } = decodeMethod(payload);
    const text = `${channel} ${[name, ...wordsOf(name, args)].join(' ')}`;
    if (!['basic.deliver', 'basic.get-ok', 'basic.return'].includes(name)) return text;
    this.#open.set(channel, { channel, text, left: 0, properties: {}, parts: [] });
    return undefined;
  }
}

function bodyText(parts: readonly Buffer[]): string {
  const body = Buffer.concat(parts);
  if (body.length <= SHOWN_BYTES_MAX) return JSON.stringify(body.toString());
  return `${body.length} bytes in ${parts.length} frames`;
}

/** Arguments as words; what is false, 0 or empty and says nothing is left out. */
function wordsOf(name: string, args: Arguments): string[] {
  const { fields } = METHODS.get(name)!;
  return fields.flatMap(([argument, type]) => {
    const value = args[argument]!;
    if (argument.startsWith('reserved')) return [];
    if (type === 'bit') return value === true ? [argument] : [];
    // Who the broker is changes from day to day.
    if (argument === 'serverProperties') {
      const { capabilities, product } = value as Table;
      return [`serverProperties=${JSON.stringify({ capabilities, product })}`];
    }
    return [`${argument}=${valueText(value)}`];
  });
}

function valueText(value: Field): string {
  if (typeof value === 'string' && /^[^\s"{[]*$/.test(value)) return value;
  return JSON.stringify(value);
}
