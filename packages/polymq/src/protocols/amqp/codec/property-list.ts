/**
 * What stands in a content header (AMQP 0-9-1 §4.2.6.1), as data.
 *
 *   class id u16 = 60 │ weight u16 = 0 │ body size u64 │ flags u16 │ the properties whose flag is set
 *   0                   2                4               12          14
 *
 * Properties follow in the order of their flags, the first has bit 15. Bit 0 would announce another word of
 * flags, which no class has.
 */
import type { FieldTable } from '../methods/row.ts';
import { AmqpSyntaxError } from './amqp-syntax-error.ts';
import { uint32At } from './frame.ts';
import { REPLY_CODE } from './reply-code.ts';

export const BASIC_CLASS = 60;
export const BODY_SIZE_AT = 4;
export const FLAGS_AT = 12;
/** Where the properties themselves start. */
export const LIST_AT = 14;

/** Bits of the flags. */
export const PROPERTY_FLAG = {
  contentType: 0x8000,
  contentEncoding: 0x4000,
  headers: 0x2000,
  deliveryMode: 0x1000,
  priority: 0x0800,
  correlationId: 0x0400,
  replyTo: 0x0200,
  expiration: 0x0100,
  messageId: 0x0080,
  timestamp: 0x0040,
  type: 0x0020,
  userId: 0x0010,
  appId: 0x0008,
  clusterId: 0x0004,
} as const;

export type PropertyName = keyof typeof PROPERTY_FLAG;
export type PropertyType = 'shortstr' | 'table' | 'octet' | 'timestamp';

/** Nothing but properties. */
export const UNKNOWN_FLAGS = 0x0003;

/** In the order of the wire. */
export const PROPERTIES: readonly (readonly [PropertyName, PropertyType, flag: number])[] = (
  Object.keys(PROPERTY_FLAG) as PropertyName[]
).map((name) => [name, typeOf(name), PROPERTY_FLAG[name]]);

function typeOf(name: PropertyName): PropertyType {
  if (name === 'headers') return 'table';
  if (name === 'timestamp') return 'timestamp';
  return name === 'deliveryMode' || name === 'priority' ? 'octet' : 'shortstr';
}

export interface BasicProperties {
  readonly contentType?: string;
  readonly contentEncoding?: string;
  readonly headers?: FieldTable;
  /** 2 is persistent, everything else is not. */
  readonly deliveryMode?: number;
  readonly priority?: number;
  readonly correlationId?: string;
  readonly replyTo?: string;
  /** Milliseconds, as text. */
  readonly expiration?: string;
  readonly messageId?: string;
  /** Seconds since 1970. */
  readonly timestamp?: number;
  readonly type?: string;
  readonly userId?: string;
  readonly appId?: string;
  readonly clusterId?: string;
}

/** Throws unless `[start, end)` is long enough and speaks of class 60; returns the flags. */
export function checkContentHeader(buffer: Buffer, start: number, end: number): number {
  if (end - start < LIST_AT) refuse(`a content header of ${end - start} bytes is too short`);
  const classAndWeight = uint32At(buffer, start);
  if (classAndWeight !== BASIC_CLASS * 0x1_0000) {
    const classId = classAndWeight >>> 16;
    const what = `a content header is of class ${classId}, weight ${classAndWeight & 0xffff}`;
    throw new AmqpSyntaxError(REPLY_CODE.unexpectedFrame, what, BASIC_CLASS, 0);
  }
  const flags = (buffer[start + FLAGS_AT]! << 8) | buffer[start + FLAGS_AT + 1]!;
  if ((flags & UNKNOWN_FLAGS) !== 0) {
    refuse(`property flags 0x${flags.toString(16)} name properties that do not exist`);
  }
  return flags;
}

/** Exact up to 2^53, beyond that the nearest number. */
export function bodySizeAt(buffer: Buffer, start: number): number {
  return uint32At(buffer, start + BODY_SIZE_AT) * 0x1_0000_0000 + uint32At(buffer, start + 8);
}

/** 502 in class 60. */
export function refuse(message: string): never {
  throw new AmqpSyntaxError(REPLY_CODE.syntaxError, message, BASIC_CLASS, 0);
}
