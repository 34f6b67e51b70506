/**
 * AMQP 0-9-1 frames for tests and load generators: written by hand from the specification, on purpose not
 * from the broker's own method table, so that a mistake there does not cancel itself out here.
 *
 *   u8 type | u16 channel | u32 size | payload | 0xCE
 *     type 1: u16 class, u16 method, arguments     type 2: u16 class, u16 0, u64 body size, u16 flags, properties
 *     type 3: body bytes                           type 8: heartbeat
 */

export type Field = string | number | boolean | Buffer | Table | readonly Field[] | null;
/** A field table. Numbers that are whole are sent as int or long, others as double. */
export interface Table {
  readonly [name: string]: Field | undefined;
}
export type Arguments = Record<string, Field>;

export const FRAME_METHOD = 1;
export const FRAME_HEADER = 2;
export const FRAME_BODY = 3;
export const FRAME_HEARTBEAT = 8;
export const FRAME_END = 0xce;
export const PROTOCOL_HEADER: Buffer = Buffer.from('AMQP\x00\x00\x09\x01', 'latin1');

type FieldType = 'octet' | 'short' | 'long' | 'longlong' | 'shortstr' | 'longstr' | 'table' | 'bit';

export interface Method {
  readonly name: string;
  readonly classId: number;
  readonly methodId: number;
  readonly fields: readonly (readonly [name: string, type: FieldType])[];
}

/** `class.method` | class id | method id | arguments */
const METHODS_TEXT = `
connection.start|10|10|versionMajor:octet versionMinor:octet serverProperties:table mechanisms:longstr locales:longstr
connection.start-ok|10|11|clientProperties:table mechanism:shortstr response:longstr locale:shortstr
connection.tune|10|30|channelMax:short frameMax:long heartbeat:short
connection.tune-ok|10|31|channelMax:short frameMax:long heartbeat:short
connection.open|10|40|virtualHost:shortstr reserved1:shortstr reserved2:bit
connection.open-ok|10|41|reserved1:shortstr
connection.close|10|50|replyCode:short replyText:shortstr classId:short methodId:short
connection.close-ok|10|51|
connection.blocked|10|60|reason:shortstr
connection.unblocked|10|61|
connection.update-secret|10|70|newSecret:longstr reason:shortstr
connection.update-secret-ok|10|71|
channel.open|20|10|reserved1:shortstr
channel.open-ok|20|11|reserved1:longstr
channel.flow|20|20|active:bit
channel.flow-ok|20|21|active:bit
channel.close|20|40|replyCode:short replyText:shortstr classId:short methodId:short
channel.close-ok|20|41|
exchange.declare|40|10|ticket:short exchange:shortstr type:shortstr passive:bit durable:bit autoDelete:bit internal:bit nowait:bit arguments:table
exchange.declare-ok|40|11|
exchange.delete|40|20|ticket:short exchange:shortstr ifUnused:bit nowait:bit
exchange.delete-ok|40|21|
exchange.bind|40|30|ticket:short destination:shortstr source:shortstr routingKey:shortstr nowait:bit arguments:table
exchange.bind-ok|40|31|
exchange.unbind|40|40|ticket:short destination:shortstr source:shortstr routingKey:shortstr nowait:bit arguments:table
exchange.unbind-ok|40|51|
access.request|30|10|realm:shortstr exclusive:bit passive:bit active:bit write:bit read:bit
access.request-ok|30|11|ticket:short
queue.declare|50|10|ticket:short queue:shortstr passive:bit durable:bit exclusive:bit autoDelete:bit nowait:bit arguments:table
queue.declare-ok|50|11|queue:shortstr messageCount:long consumerCount:long
queue.bind|50|20|ticket:short queue:shortstr exchange:shortstr routingKey:shortstr nowait:bit arguments:table
queue.bind-ok|50|21|
queue.purge|50|30|ticket:short queue:shortstr nowait:bit
queue.purge-ok|50|31|messageCount:long
queue.delete|50|40|ticket:short queue:shortstr ifUnused:bit ifEmpty:bit nowait:bit
queue.delete-ok|50|41|messageCount:long
queue.unbind|50|50|ticket:short queue:shortstr exchange:shortstr routingKey:shortstr arguments:table
queue.unbind-ok|50|51|
basic.qos|60|10|prefetchSize:long prefetchCount:short global:bit
basic.qos-ok|60|11|
basic.consume|60|20|ticket:short queue:shortstr consumerTag:shortstr noLocal:bit noAck:bit exclusive:bit nowait:bit arguments:table
basic.consume-ok|60|21|consumerTag:shortstr
basic.cancel|60|30|consumerTag:shortstr nowait:bit
basic.cancel-ok|60|31|consumerTag:shortstr
basic.publish|60|40|ticket:short exchange:shortstr routingKey:shortstr mandatory:bit immediate:bit
basic.return|60|50|replyCode:short replyText:shortstr exchange:shortstr routingKey:shortstr
basic.deliver|60|60|consumerTag:shortstr deliveryTag:longlong redelivered:bit exchange:shortstr routingKey:shortstr
basic.get|60|70|ticket:short queue:shortstr noAck:bit
basic.get-ok|60|71|deliveryTag:longlong redelivered:bit exchange:shortstr routingKey:shortstr messageCount:long
basic.get-empty|60|72|reserved1:shortstr
basic.ack|60|80|deliveryTag:longlong multiple:bit
basic.reject|60|90|deliveryTag:longlong requeue:bit
basic.recover-async|60|100|requeue:bit
basic.recover|60|110|requeue:bit
basic.recover-ok|60|111|
basic.nack|60|120|deliveryTag:longlong multiple:bit requeue:bit
confirm.select|85|10|nowait:bit
confirm.select-ok|85|11|
tx.select|90|10|
tx.select-ok|90|11|
tx.commit|90|20|
tx.commit-ok|90|21|
tx.rollback|90|30|
tx.rollback-ok|90|31|
`;

export const METHODS: ReadonlyMap<string, Method> = new Map(
  METHODS_TEXT.trim()
    .split('\n')
    .map((line) => {
      const [name = '', classId, methodId, text = ''] = line.split('|');
      const fields = text
        .split(' ')
        .filter((each) => each !== '')
        .map((each) => each.split(':') as [string, FieldType]);
      return [name, { name, classId: Number(classId), methodId: Number(methodId), fields }];
    }),
);

const BY_ID = new Map<number, Method>(
  [...METHODS.values()].map((method) => [method.classId * 65536 + method.methodId, method]),
);

const PROPERTIES: readonly (readonly [name: string, type: FieldType])[] = [
  ['contentType', 'shortstr'],
  ['contentEncoding', 'shortstr'],
  ['headers', 'table'],
  ['deliveryMode', 'octet'],
  ['priority', 'octet'],
  ['correlationId', 'shortstr'],
  ['replyTo', 'shortstr'],
  ['expiration', 'shortstr'],
  ['messageId', 'shortstr'],
  ['timestamp', 'longlong'],
  ['type', 'shortstr'],
  ['userId', 'shortstr'],
  ['appId', 'shortstr'],
];

export function frame(type: number, channel: number, payload: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(payload.length + 8);
  bytes[0] = type;
  bytes.writeUInt16BE(channel, 1);
  bytes.writeUInt32BE(payload.length, 3);
  payload.copy(bytes, 7);
  bytes[bytes.length - 1] = FRAME_END;
  return bytes;
}

/** What is left out of `args` is 0, false, '' or an empty table. */
export function methodFrame(channel: number, name: string, args: Table = {}): Buffer {
  const method = METHODS.get(name);
  if (!method) throw new Error(`no method ${name}`);
  const head = Buffer.alloc(4);
  head.writeUInt16BE(method.classId, 0);
  head.writeUInt16BE(method.methodId, 2);
  return frame(FRAME_METHOD, channel, Buffer.concat([head, ...encodeFields(method.fields, args)]));
}

export function headerFrame(channel: number, bodyBytes: number, properties: Table = {}): Buffer {
  const head = Buffer.alloc(14);
  head.writeUInt16BE(60, 0);
  head.writeBigUInt64BE(BigInt(bodyBytes), 4);
  let flags = 0;
  const present = PROPERTIES.filter(([name], i) => {
    if (properties[name] === undefined) return false;
    flags |= 1 << (15 - i);
    return true;
  });
  head.writeUInt16BE(flags, 12);
  return frame(FRAME_HEADER, channel, Buffer.concat([head, ...encodeFields(present, properties)]));
}

/** The body in as many frames as the limit needs; none for an empty body. */
export function bodyFrames(channel: number, body: Buffer, frameMax: number): Buffer[] {
  const frames: Buffer[] = [];
  for (let at = 0; at < body.length; at += frameMax - 8) {
    frames.push(frame(FRAME_BODY, channel, body.subarray(at, at + frameMax - 8)));
  }
  return frames;
}

function encodeFields(
  fields: readonly (readonly [name: string, type: FieldType])[],
  args: Table,
): Buffer[] {
  const parts: Buffer[] = [];
  let bits = -1;
  for (const [name, type] of fields) {
    if (type === 'bit') {
      if (bits < 0 || bits === 8) {
        parts.push(Buffer.alloc(1));
        bits = 0;
      }
      if (args[name]) parts.at(-1)![0]! |= 1 << bits;
      bits += 1;
    } else {
      bits = -1;
      parts.push(encodeField(type, args[name]));
    }
  }
  return parts;
}

function encodeField(type: Exclude<FieldType, 'bit'>, value: Field | undefined): Buffer {
  if (type === 'table') return encodeTable((value ?? {}) as Table);
  if (type === 'shortstr') {
    const text = Buffer.from(String(value ?? ''));
    return Buffer.concat([Buffer.from([text.length]), text]);
  }
  if (type === 'longstr') {
    return sized(Buffer.isBuffer(value) ? value : Buffer.from(String(value ?? '')));
  }
  const number = Number(value ?? 0);
  const bytes = Buffer.alloc({ octet: 1, short: 2, long: 4, longlong: 8 }[type]);
  if (bytes.length === 8) bytes.writeBigUInt64BE(BigInt(number));
  else bytes.writeUIntBE(number, 0, bytes.length);
  return bytes;
}

function sized(bytes: Buffer): Buffer {
  const size = Buffer.alloc(4);
  size.writeUInt32BE(bytes.length);
  return Buffer.concat([size, bytes]);
}

export function encodeTable(table: Table): Buffer {
  const parts: Buffer[] = [];
  for (const [name, value] of Object.entries(table)) {
    if (value === undefined) continue;
    parts.push(encodeField('shortstr', name), encodeValue(value));
  }
  return sized(Buffer.concat(parts));
}

function encodeValue(value: Field): Buffer {
  const tagged = (tag: string, bytes: Buffer) => Buffer.concat([Buffer.from(tag), bytes]);
  if (value === null) return Buffer.from('V');
  if (typeof value === 'string') return tagged('S', sized(Buffer.from(value)));
  if (typeof value === 'boolean') return tagged('t', Buffer.from([value ? 1 : 0]));
  if (typeof value === 'number') return encodeNumber(value);
  if (Buffer.isBuffer(value)) return tagged('x', sized(value));
  if (Array.isArray(value)) return tagged('A', sized(Buffer.concat(value.map(encodeValue))));
  return tagged('F', encodeTable(value as Table));
}

function encodeNumber(value: number): Buffer {
  const bytes = Buffer.alloc(9);
  if (!Number.isInteger(value)) {
    bytes.write('d');
    bytes.writeDoubleBE(value, 1);
    return bytes;
  }
  if (Math.abs(value) < 2 ** 31) {
    bytes.write('I');
    bytes.writeInt32BE(value, 1);
    return bytes.subarray(0, 5);
  }
  bytes.write('l');
  bytes.writeBigInt64BE(BigInt(value), 1);
  return bytes;
}

/** Reads what a frame's payload holds; throws a RangeError where it is too short. */
class Reader {
  readonly #bytes: Buffer;
  #at = 0;
  #bits = -1;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  uint(size: 1 | 2 | 4): number {
    const value = this.#bytes.readUIntBE(this.#at, size);
    this.#at += size;
    return value;
  }

  take(size: number): Buffer {
    const end = this.#at + size;
    if (end > this.#bytes.length) throw new RangeError('a field ends beyond its frame');
    const bytes = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return bytes;
  }

  field(type: FieldType): Field {
    if (type === 'bit') {
      this.#bits = this.#bits < 0 || this.#bits === 7 ? 0 : this.#bits + 1;
      if (this.#bits === 0) this.#at += 1;
      return ((this.#bytes[this.#at - 1] ?? 0) & (1 << this.#bits)) !== 0;
    }
    this.#bits = -1;
    if (type === 'octet') return this.uint(1);
    if (type === 'short') return this.uint(2);
    if (type === 'long') return this.uint(4);
    if (type === 'longlong') return Number(this.take(8).readBigUInt64BE());
    if (type === 'shortstr') return this.take(this.uint(1)).toString();
    if (type === 'longstr') return this.take(this.uint(4)).toString();
    return this.#table();
  }

  #table(): Table {
    const end = this.uint(4) + this.#at;
    const table: Record<string, Field> = {};
    while (this.#at < end) {
      const name = this.take(this.uint(1)).toString();
      table[name] = this.#value();
    }
    return table;
  }

  #value(): Field {
    const tag = String.fromCharCode(this.uint(1));
    switch (tag) {
      case 'S':
        return this.take(this.uint(4)).toString();
      case 'x':
        return this.take(this.uint(4));
      case 't':
        return this.uint(1) !== 0;
      case 'b':
        return this.take(1).readInt8();
      case 'B':
        return this.uint(1);
      case 's':
        return this.take(2).readInt16BE();
      case 'u':
        return this.uint(2);
      case 'I':
        return this.take(4).readInt32BE();
      case 'i':
        return this.uint(4);
      case 'l':
      case 'T':
        return Number(this.take(8).readBigInt64BE());
      case 'f':
        return this.take(4).readFloatBE();
      case 'd':
        return this.take(8).readDoubleBE();
      case 'V':
        return null;
      case 'F':
        return this.#table();
      case 'A': {
        const end = this.uint(4) + this.#at;
        const items: Field[] = [];
        while (this.#at < end) items.push(this.#value());
        return items;
      }
      default:
        throw new Error(`a table holds a value of unknown type "${tag}"`);
    }
  }
}

export function decodeMethod(payload: Buffer): { name: string; args: Arguments } {
  const reader = new Reader(payload);
  const id = reader.uint(2) * 65536 + reader.uint(2);
  const method = BY_ID.get(id);
  if (!method) throw new Error(`unknown method ${id >>> 16}.${id & 0xffff}`);
  return { name: method.name, args: decodeFields(reader, method.fields) };
}

export function decodeHeader(payload: Buffer): { bodyBytes: number; properties: Arguments } {
  const reader = new Reader(payload);
  reader.take(4);
  const bodyBytes = Number(reader.take(8).readBigUInt64BE());
  const flags = reader.uint(2);
  const present = PROPERTIES.filter((_, i) => (flags & (1 << (15 - i))) !== 0);
  return { bodyBytes, properties: decodeFields(reader, present) };
}

function decodeFields(
  reader: Reader,
  fields: readonly (readonly [name: string, type: FieldType])[],
): Arguments {
  const args: Arguments = {};
  for (const [name, type] of fields) args[name] = reader.field(type);
  return args;
}
