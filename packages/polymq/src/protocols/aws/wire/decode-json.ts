/**
 * AWS JSON 1.0 → the input of an action.
 *
 * Each action's shape is compiled once into closures, one per member, that check types and copy what the table knows into new
 * objects: what it does not know is ignored, and names such as `__proto__` reach neither structures (their names come from the table)
 * nor maps (which have no prototype). `null` is a missing member. The depth is that of the table.
 */
import { AwsError } from './aws-error.ts';
import { ENTRIES_MAX, isBase64, type PathStyle, pathsOf } from './input-rules.ts';
import { checkJsonLimits } from './json-limits.ts';
import type { Action, Shape, StructureShape } from './shape.ts';

/** Throws if `value` is none of the shape; otherwise the value to hand out. */
type Check = (value: unknown, path: string) => unknown;
type Input = Record<string, unknown>;

const COMPILED = new WeakMap<Action, Check>();

/** The input as the action's table describes it. An empty body is `{}`. */
export function decodeJson(action: Action, body: Buffer): Input {
  let check = COMPILED.get(action);
  if (check === undefined) {
    check = compile(action.input, pathsOf(action.service));
    COMPILED.set(action, check);
  }
  return check(parse(body), '') as Input;
}

function parse(body: Buffer): unknown {
  if (body.length === 0) return {};
  checkJsonLimits(body);
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    throw new AwsError('SerializationException', 'The body is not valid JSON.');
  }
}

function compile(shape: Shape, paths: PathStyle): Check {
  switch (shape.kind) {
    case 'string':
      return checkString;
    case 'blob':
      return checkBlob;
    case 'integer':
      return checkInteger;
    case 'timestamp':
      return checkTimestamp;
    case 'boolean':
      return checkBoolean;
    case 'list':
      return compileList(compile(shape.member, paths), paths);
    case 'map':
      return compileMap(compile(shape.value, paths), paths);
    case 'structure':
      return compileStructure(shape, paths);
  }
}

function compileStructure(shape: StructureShape, paths: PathStyle): Check {
  const members = Object.entries(shape.members).map(([name, member]) => ({
    name,
    topPath: paths.member('', name),
    check: compile(member.shape, paths),
    required: member.required === true,
    nonEmpty: member.nonEmpty === true,
  }));
  return (value, path) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw wrongType(value, 'a structure', path);
    }
    const source = value as Input;
    const target: Input = {};
    for (const { name, topPath, check, required, nonEmpty } of members) {
      const member = source[name];
      if (member === undefined || member === null || (nonEmpty && member === '')) {
        if (required) throw paths.missing(paths.member(path, name));
      } else {
        target[name] = check(member, path === '' ? topPath : paths.member(path, name));
      }
    }
    return target;
  };
}

function compileList(check: Check, paths: PathStyle): Check {
  return (value, path) => {
    if (!Array.isArray(value)) throw wrongType(value, 'a list', path);
    if (value.length > ENTRIES_MAX) throw tooMany(path);
    return value.map((entry, index) => check(entry, paths.entry(path, index + 1)));
  };
}

function compileMap(check: Check, paths: PathStyle): Check {
  return (value, path) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw wrongType(value, 'a map', path);
    }
    const target: Input = Object.create(null);
    let count = 0;
    for (const key of Object.keys(value)) {
      count += 1;
      if (count > ENTRIES_MAX) throw tooMany(path);
      target[key] = check((value as Input)[key], paths.entry(path, key));
    }
    return target;
  };
}

function checkString(value: unknown, path: string): unknown {
  if (typeof value !== 'string') throw wrongType(value, 'a String', path);
  return value;
}

function checkBlob(value: unknown, path: string): unknown {
  if (typeof value !== 'string') throw wrongType(value, 'a Blob', path);
  if (!isBase64(value)) {
    throw new AwsError('SerializationException', `The value of ${path} is not valid base64.`);
  }
  return value;
}

function checkInteger(value: unknown, path: string): unknown {
  if (!Number.isSafeInteger(value)) throw wrongType(value, 'an Integer', path);
  return value;
}

function checkTimestamp(value: unknown, path: string): unknown {
  if (typeof value !== 'number') throw wrongType(value, 'a Timestamp', path);
  return value * 1000;
}

function checkBoolean(value: unknown, path: string): unknown {
  if (typeof value !== 'boolean') throw wrongType(value, 'a Boolean', path);
  return value;
}

/** In AWS's words, and with the member behind them. */
function wrongType(value: unknown, wanted: string, path: string): AwsError {
  const at = path === '' ? '' : `: ${path}`;
  return new AwsError(
    'SerializationException',
    `${token(value)} can not be converted to ${wanted}${at}`,
  );
}

function token(value: unknown): string {
  if (value === null) return 'NULL_VALUE';
  if (Array.isArray(value)) return 'START_ARRAY';
  if (typeof value === 'object') return 'START_OBJECT';
  if (typeof value === 'boolean') return value ? 'TRUE_VALUE' : 'FALSE_VALUE';
  if (typeof value === 'number' && !Number.isInteger(value)) return 'DECIMAL_VALUE';
  return typeof value === 'number' ? 'NUMBER_VALUE' : 'STRING_VALUE';
}

function tooMany(path: string): AwsError {
  return new AwsError('SerializationException', `${path} has more than ${ENTRIES_MAX} entries.`);
}
