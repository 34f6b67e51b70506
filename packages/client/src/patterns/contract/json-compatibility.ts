/**
 * Whether everything that one JSON Schema accepts is accepted by another: what "the new reader can read the old messages" means.
 *
 * Deciding that for all of JSON Schema is impossible in general, so the comparison knows the keywords that contracts are made
 * of, and calls a difference in any other keyword a problem. It may refuse a harmless change. Data is taken to have the properties
 * that its schema lists and no others, since the programs that write it do so.
 */
type Json = Readonly<Record<string, unknown>>;

/** Keywords without a say in what is valid. */
const ANNOTATIONS = new Set([
  '$schema',
  '$id',
  '$comment',
  '$defs',
  'definitions',
  'title',
  'description',
  'default',
  'examples',
  'deprecated',
  'readOnly',
  'writeOnly',
]);

/** Keywords that are compared below. */
const KNOWN = new Set([
  '$ref',
  'type',
  'enum',
  'const',
  'properties',
  'required',
  'additionalProperties',
  'items',
  'anyOf',
  'oneOf',
  'minimum',
  'exclusiveMinimum',
  'minLength',
  'minItems',
  'minProperties',
  'maximum',
  'exclusiveMaximum',
  'maxLength',
  'maxItems',
  'maxProperties',
]);

const LOWER_BOUNDS = ['minimum', 'exclusiveMinimum', 'minLength', 'minItems', 'minProperties'];
const UPPER_BOUNDS = ['maximum', 'exclusiveMaximum', 'maxLength', 'maxItems', 'maxProperties'];

/** Deeper schemas are compared as text only. */
const DEPTH_MAX = 64;

/** One line per reason why data of `writer` may not be valid for `reader`; none: it always is. */
export function jsonProblems(writer: unknown, reader: unknown): string[] {
  return new Comparison(writer as Json, reader as Json).compare(writer, reader, '', 0);
}

class Comparison {
  readonly #writerRoot: Json;
  readonly #readerRoot: Json;

  constructor(writerRoot: Json, readerRoot: Json) {
    this.#writerRoot = writerRoot;
    this.#readerRoot = readerRoot;
  }

  compare(writerGiven: unknown, readerGiven: unknown, path: string, depth: number): string[] {
    if (readerGiven === true || readerGiven === undefined || writerGiven === false) return [];
    const writer = resolve(writerGiven === true ? {} : writerGiven, this.#writerRoot);
    const reader = resolve(readerGiven, this.#readerRoot);
    if (readerGiven === false) return [`${at(path)} is not allowed any more`];
    if (depth > DEPTH_MAX)
      return same(writer, reader) ? [] : [`${at(path)} is nested too deeply to compare`];
    const branches = alternatives(writer);
    if (branches !== undefined) {
      return branches.flatMap((branch) => this.compare(branch, reader, path, depth + 1));
    }
    const choices = alternatives(reader);
    if (choices !== undefined) {
      const fits = choices.some(
        (choice) => this.compare(writer, choice, path, depth + 1).length === 0,
      );
      return fits ? [] : [`${at(path)} fits none of the new alternatives`];
    }
    return [
      ...values(writer, reader, path),
      ...bounds(writer, reader, path),
      ...this.#properties(writer, reader, path, depth),
      ...this.#items(writer, reader, path, depth),
      ...others(writer, reader, path),
    ];
  }

  #properties(writer: Json, reader: Json, path: string, depth: number): string[] {
    const written = (writer['properties'] ?? {}) as Json;
    const read = (reader['properties'] ?? {}) as Json;
    const always = new Set((writer['required'] ?? []) as string[]);
    const missing = ((reader['required'] ?? []) as string[])
      .filter((name) => !always.has(name))
      .map((name) => `${at(path, name)} is required now, and old messages may lack it`);
    const changed = Object.keys(written).flatMap((name) => {
      const next = name in read ? read[name] : (reader['additionalProperties'] ?? true);
      return this.compare(written[name], next, `${path}.${name}`, depth + 1);
    });
    const further = writer['additionalProperties'];
    const fresh =
      further === undefined || further === false
        ? []
        : Object.keys(read)
            .filter((name) => !(name in written))
            .flatMap((name) => this.compare(further, read[name], `${path}.${name}`, depth + 1));
    const closed =
      reader['additionalProperties'] === false &&
      writer['additionalProperties'] !== false &&
      couldBeObject(writer) &&
      Object.keys(written).length === 0
        ? [`${at(path)} allows no further properties now`]
        : [];
    return [...missing, ...changed, ...fresh, ...closed];
  }

  #items(writer: Json, reader: Json, path: string, depth: number): string[] {
    if (reader['items'] === undefined) return [];
    return this.compare(writer['items'] ?? {}, reader['items'], `${path}[]`, depth + 1);
  }
}

function values(writer: Json, reader: Json, path: string): string[] {
  const written = allowed(writer);
  const read = allowed(reader);
  if (read !== undefined) {
    if (written === undefined) return [`${at(path)} is limited to some values now`];
    const lost = written.filter((value) => !read.some((other) => same(value, other)));
    return lost.map((value) => `${at(path)} may not be ${JSON.stringify(value)} any more`);
  }
  const types = typesOf(reader);
  if (types === undefined) return [];
  const before = written?.map(typeOf) ?? typesOf(writer);
  if (before === undefined)
    return [`${at(path)} must be ${types.join(' or ')} now, and could be anything`];
  const lost = before.filter(
    (type) => !types.includes(type) && !(type === 'integer' && types.includes('number')),
  );
  return [...new Set(lost)].map((type) => `${at(path)} may not be of type ${type} any more`);
}

function bounds(writer: Json, reader: Json, path: string): string[] {
  const tighter = (
    names: string[],
    isTighter: (now: number, before: number) => boolean,
  ): string[] => {
    return names
      .filter((name) => {
        const now = reader[name];
        if (typeof now !== 'number') return false;
        const before = writer[name];
        return typeof before !== 'number' || isTighter(now, before);
      })
      .map((name) => `${at(path)} has a tighter ${name}`);
  };
  if (allowed(writer) !== undefined) return [];
  return [
    ...tighter(LOWER_BOUNDS, (now, before) => now > before),
    ...tighter(UPPER_BOUNDS, (now, before) => now < before),
  ];
}

/** Whatever else the reader asks for, the writer must have asked for as well. */
function others(writer: Json, reader: Json, path: string): string[] {
  return Object.keys(reader)
    .filter(
      (name) => !KNOWN.has(name) && !ANNOTATIONS.has(name) && !same(reader[name], writer[name]),
    )
    .map((name) => `${at(path)} has another ${name}`);
}

function alternatives(schema: Json): readonly unknown[] | undefined {
  const list = schema['anyOf'] ?? schema['oneOf'];
  return Array.isArray(list) ? list : undefined;
}

function allowed(schema: Json): readonly unknown[] | undefined {
  if ('const' in schema) return [schema['const']];
  return Array.isArray(schema['enum']) ? schema['enum'] : undefined;
}

function typesOf(schema: Json): string[] | undefined {
  const type = schema['type'];
  if (typeof type === 'string') return [type];
  return Array.isArray(type) ? (type as string[]) : undefined;
}

function typeOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return Number.isInteger(value) ? 'integer' : typeof value;
}

function couldBeObject(schema: Json): boolean {
  return typesOf(schema)?.includes('object') ?? allowed(schema) === undefined;
}

/** Follows references inside the document, a few steps at most. */
function resolve(schema: unknown, root: Json): Json {
  let found = schema;
  for (let step = 0; step < 16; step += 1) {
    const reference = (found as Json | undefined)?.['$ref'];
    if (typeof reference !== 'string' || !reference.startsWith('#')) break;
    found = reference
      .slice(1)
      .split('/')
      .filter((part) => part !== '')
      .reduce<unknown>((place, part) => {
        const name = decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~');
        return (place as Json | undefined)?.[name];
      }, root);
  }
  return (found ?? {}) as Json;
}

function same(one: unknown, other: unknown): boolean {
  return JSON.stringify(sorted(one)) === JSON.stringify(sorted(other));
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1));
  return Object.fromEntries(entries.map(([name, part]) => [name, sorted(part)]));
}

function at(path: string, name?: string): string {
  const whole = name === undefined ? path : `${path}.${name}`;
  return whole === '' ? 'the data' : whole.replace(/^\./, '');
}
