/**
 * Writes methods as whole frames.
 *
 * Each row of the method table is compiled once into a list of steps, as in `read-method.ts`. What goes out
 * by the hundred thousand has functions of its own in `write-hot.ts`, to which this is the measure.
 */
import { METHODS, type MethodInputs, type MethodName } from '../methods/index.ts';
import type { ArgumentType, FieldTable } from '../methods/row.ts';
import { AmqpSyntaxError } from './amqp-syntax-error.ts';
import { FieldWriter } from './field-writer.ts';
import { FRAME_END, FRAME_METHOD } from './frame.ts';
import { isReserved } from './read-method.ts';
import { REPLY_CODE } from './reply-code.ts';
import { shortText } from './utf8.ts';

type Args = Readonly<Record<string, unknown>>;
type Step = (writer: FieldWriter, args: Args) => void;
type Write = (writer: FieldWriter, value: never) => void;

const SIZE_AT = 3;
const PAYLOAD_AT = 7;

const WRITE: Readonly<Record<Exclude<ArgumentType, 'bit'>, Write>> = {
  octet: (writer, value: number) => writer.uint8(value),
  short: (writer, value: number) => writer.uint16(value),
  long: (writer, value: number) => writer.uint32(value),
  longlong: (writer, value: number) => writer.uint64(value),
  shortstr: (writer, value: string) => writer.shortstr(value),
  longstr: (writer, value: Buffer | string) => writer.longstr(value),
  table: (writer, value: FieldTable) => writer.table(value),
};

/** What reserved arguments are written as; tables may also be left out by the caller. */
const EMPTY: Readonly<Record<Exclude<ArgumentType, 'bit'>, unknown>> = {
  octet: 0,
  short: 0,
  long: 0,
  longlong: 0,
  shortstr: '',
  longstr: '',
  table: {},
};

const COMPILED: ReadonlyMap<string, readonly Step[]> = new Map(
  (Object.keys(METHODS) as MethodName[]).map((name) => [name, compile(name)]),
);

/** The frame of a method. `replyText` is cut to what fits; anything else that does not fit throws 502. */
export function methodFrame<Name extends MethodName>(
  channel: number,
  name: Name,
  args: MethodInputs[Name],
): Buffer {
  const steps = COMPILED.get(name);
  if (!steps) {
    throw new AmqpSyntaxError(REPLY_CODE.commandInvalid, `there is no method "${name}"`);
  }
  const [classId, methodId] = METHODS[name].id;
  const writer = new FieldWriter();
  writer.uint8(FRAME_METHOD);
  writer.uint16(channel);
  writer.uint32(0);
  writer.uint16(classId);
  writer.uint16(methodId);
  for (const step of steps) step(writer, args);
  writer.patchUint32(writer.length - PAYLOAD_AT, SIZE_AT);
  writer.uint8(FRAME_END);
  return writer.finish();
}

function compile(name: MethodName): readonly Step[] {
  const steps: Step[] = [];
  let bits: string[] = [];
  for (const [argument, type] of Object.entries(METHODS[name].args)) {
    if (type === 'bit') {
      bits.push(argument);
      continue;
    }
    if (bits.length > 0) steps.push(bitStep(bits));
    bits = [];
    steps.push(step(name, argument, type));
  }
  if (bits.length > 0) steps.push(bitStep(bits));
  return steps;
}

function step(name: MethodName, argument: string, type: Exclude<ArgumentType, 'bit'>): Step {
  const write = WRITE[type];
  const empty = EMPTY[type];
  if (isReserved(argument)) return (writer) => write(writer, empty as never);
  // An explanation quotes names of up to 255 octets, and a close that cannot be sent helps nobody.
  if (argument === 'replyText')
    return (writer, args) => writer.shortstr(shortText(String(args[argument])));
  return (writer, args) => {
    const value = args[argument] ?? (type === 'table' ? empty : undefined);
    if (!isOf(type, value)) {
      const message = `${name} needs a ${type} as ${argument}, not ${typeof value}`;
      throw new AmqpSyntaxError(REPLY_CODE.syntaxError, message, ...METHODS[name].id);
    }
    write(writer, value as never);
  };
}

function isOf(type: ArgumentType, value: unknown): boolean {
  if (type === 'shortstr') return typeof value === 'string';
  if (type === 'longstr') return typeof value === 'string' || Buffer.isBuffer(value);
  if (type === 'table') return typeof value === 'object';
  return typeof value === 'number';
}

function bitStep(names: readonly string[]): Step {
  return (writer, args) => {
    for (let first = 0; first < names.length; first += 8) {
      let octet = 0;
      names.slice(first, first + 8).forEach((name, index) => {
        if (args[name] === true) octet |= 1 << index;
      });
      writer.uint8(octet);
    }
  };
}
