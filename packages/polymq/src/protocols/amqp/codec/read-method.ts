/**
 * Reads methods: the payload of a method frame is class id u16, method id u16, then the arguments.
 *
 * Each row of the method table is compiled once into a list of steps. Neighbouring bits are one step, since
 * they share octets; reserved arguments are read and dropped.
 */
import { type AnyMethod, METHODS, type MethodName, methodKey } from '../methods/index.ts';
import type { ArgumentType } from '../methods/row.ts';
import { AmqpSyntaxError } from './amqp-syntax-error.ts';
import { FieldReader, TABLE_ENTRIES_MAX } from './field-reader.ts';
import { REPLY_CODE } from './reply-code.ts';

type Args = Record<string, unknown>;
type Step = (reader: FieldReader, args: Args) => void;

interface CompiledMethod {
  readonly name: MethodName;
  readonly steps: readonly Step[];
}

const READ: Readonly<Record<Exclude<ArgumentType, 'bit'>, (reader: FieldReader) => unknown>> = {
  octet: (reader) => reader.uint8(),
  short: (reader) => reader.uint16(),
  long: (reader) => reader.uint32(),
  longlong: (reader) => reader.uint64(),
  shortstr: (reader) => reader.shortstr(),
  longstr: (reader) => reader.longstr(),
  table: (reader) => reader.table(),
};

const BY_KEY: ReadonlyMap<number, CompiledMethod> = new Map(
  (Object.keys(METHODS) as MethodName[]).map((name) => [methodKey(name), compile(name)]),
);

/** The name of the method whose payload starts at `at`; undefined if there is none. */
export function methodNameAt(buffer: Buffer, at: number): MethodName | undefined {
  return BY_KEY.get(buffer.readUInt32BE(at))?.name;
}

/**
 * Reads the method whose payload is `[start, end)`. Long strings, and bytes in tables, share memory with the
 * buffer. Throws `AmqpSyntaxError`: 501 for a payload without ids, 503 for a method that does not exist,
 * 502 for arguments that are cut off, malformed or followed by more.
 */
export function readMethod(buffer: Buffer, start: number, end: number): AnyMethod {
  if (end - start < 4) {
    throw new AmqpSyntaxError(REPLY_CODE.frameError, 'a method frame is too short for any method');
  }
  const reader = new FieldReader(buffer, start, end);
  const classId = reader.uint16();
  const methodId = reader.uint16();
  const method = BY_KEY.get(classId * 0x1_0000 + methodId);
  if (!method) {
    const message = `there is no method ${methodId} in class ${classId}`;
    throw new AmqpSyntaxError(REPLY_CODE.commandInvalid, message, classId, methodId);
  }
  reader.entriesLeft = TABLE_ENTRIES_MAX;
  reader.classId = classId;
  reader.methodId = methodId;
  const args: Args = {};
  for (const step of method.steps) step(reader, args);
  if (reader.remaining > 0) reader.fail(`${method.name} is followed by ${reader.remaining} bytes`);
  return { method: method.name, args } as AnyMethod;
}

function compile(name: MethodName): CompiledMethod {
  const steps: Step[] = [];
  let bits: string[] = [];
  for (const [argument, type] of Object.entries(METHODS[name].args)) {
    if (type === 'bit') {
      bits.push(argument);
      continue;
    }
    if (bits.length > 0) steps.push(bitStep(bits));
    bits = [];
    steps.push(step(argument, READ[type]));
  }
  if (bits.length > 0) steps.push(bitStep(bits));
  return { name, steps };
}

function step(argument: string, read: (reader: FieldReader) => unknown): Step {
  if (isReserved(argument)) return read;
  return (reader, args) => {
    args[argument] = read(reader);
  };
}

function bitStep(names: readonly string[]): Step {
  return (reader, args) => {
    let octet = 0;
    names.forEach((name, index) => {
      if ((index & 7) === 0) octet = reader.uint8();
      if (!isReserved(name)) args[name] = ((octet >> (index & 7)) & 1) === 1;
    });
  };
}

/** Arguments that the specification keeps for later, or kept from earlier. */
export function isReserved(argument: string): boolean {
  return argument.startsWith('reserved');
}
