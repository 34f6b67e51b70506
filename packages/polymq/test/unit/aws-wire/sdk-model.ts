/**
 * The service models inside of the SDKs, brought into our own form.
 *
 * Version 3 has schemas: `[kind, namespace, name, traits, …]`, simple types as numbers, lists of
 * simple types as 64 + number, maps as 128 + number.
 * Version 2 has the JSON that the SDK was generated from.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

/** What both sides are compared by: nested plain objects. */
export type Described = { [name: string]: unknown } | string;

const SCALARS: Record<number, string> = {
  0: 'string',
  1: 'integer',
  2: 'boolean',
  21: 'blob',
};

type Schema = unknown;
type Traits = { xmlName?: string; xmlFlattened?: number };

function resolve(schema: Schema): { schema: Schema; traits: Traits } {
  let current = schema;
  let traits: Traits = {};
  for (;;) {
    if (typeof current === 'function') current = current();
    else if (Array.isArray(current) && current.length === 2 && !isShape(current)) {
      traits = { ...(typeof current[1] === 'object' ? current[1] : {}), ...traits };
      current = current[0];
    } else return { schema: current, traits };
  }
}

function isShape(schema: unknown[]): boolean {
  return typeof schema[1] === 'string';
}

/** A schema of version 3. `query`: with the names of the Query protocol. */
export function describeSchema(schema: Schema, query: boolean, inherited: Traits = {}): Described {
  const { schema: found, traits: own } = resolve(schema);
  const traits = { ...own, ...inherited };
  if (typeof found === 'number') {
    if (found < 64) return SCALARS[found] ?? `scalar ${found}`;
    if (found < 128) return describeList(found - 64, {}, traits, query);
    return describeMap([0, '', '', 0, 0, found - 128], traits, query);
  }
  const shape = found as [number, string, string, Traits, ...unknown[]];
  if (shape[0] === 0) return describeSchema(shape[4], query, traits);
  if (shape[0] === 1) {
    const { traits: memberTraits } = resolve(shape[4]);
    return describeList(shape[4], memberTraits, traits, query);
  }
  if (shape[0] === 2) return describeMap(shape, traits, query);
  return describeStructure(shape, query);
}

function describeList(
  member: unknown,
  memberTraits: Traits,
  traits: Traits,
  query: boolean,
): Described {
  const flattened = traits.xmlFlattened === 1;
  const name = flattened ? traits.xmlName : memberTraits.xmlName;
  return {
    kind: 'list',
    member: describeSchema(member, query),
    ...(query ? { flattened, name: name ?? 'member' } : {}),
  };
}

function describeMap(shape: unknown[], traits: Traits, query: boolean): Described {
  const { traits: key } = resolve(shape[4]);
  const { traits: value } = resolve(shape[5]);
  const names = { key: key.xmlName ?? 'key', value: value.xmlName ?? 'value' };
  return {
    kind: 'map',
    value: describeSchema(shape[5], query),
    ...(query ? { flattened: traits.xmlFlattened === 1, name: traits.xmlName ?? '', names } : {}),
  };
}

function describeStructure(shape: unknown[], query: boolean): Described {
  const names = shape[4] as string[];
  const schemas = shape[5] as unknown[];
  const requiredCount = (shape[6] as number | undefined) ?? 0;
  const members = names.map((name, index) => [name, describeSchema(schemas[index], query)]);
  return {
    kind: 'structure',
    members: Object.fromEntries(members),
    required: names.slice(0, requiredCount).sort(),
  };
}

interface V2Shape {
  shape?: string;
  type?: string;
  member?: V2Shape;
  value?: V2Shape;
  members?: Record<string, V2Shape>;
  required?: string[];
}

export interface V2Model {
  operations: Record<string, { input?: V2Shape; output?: V2Shape }>;
  shapes: Record<string, V2Shape>;
}

/** The model of a service in version 2, such as `sqs-2012-11-05`. */
export function v2Model(name: string): V2Model {
  const packageFile = createRequire(import.meta.url).resolve('aws-sdk/package.json');
  return JSON.parse(readFileSync(join(packageFile, '..', 'apis', `${name}.min.json`), 'utf8'));
}

/** Types only: what version 2 has of names it shares with version 3. */
export function describeV2({ shapes }: V2Model, shape: V2Shape): Described {
  const found = shape.shape === undefined ? shape : { ...shapes[shape.shape], ...shape };
  const describe = (inner: V2Shape) => describeV2({ shapes, operations: {} }, inner);
  switch (found.type) {
    case 'structure':
      return {
        kind: 'structure',
        members: Object.fromEntries(
          Object.entries(found.members ?? {}).map(([name, member]) => [name, describe(member)]),
        ),
        required: [...(found.required ?? [])].sort(),
      };
    case 'list':
      return { kind: 'list', member: describe(found.member!) };
    case 'map':
      return { kind: 'map', value: describe(found.value!) };
    case 'long':
      return 'integer';
    default:
      return found.type ?? 'string';
  }
}

/** The errors that version 3 documents for a command. */
export function documentedErrors(service: string, action: string): string[] {
  const types = join(packageRoot(service), 'dist-types', 'commands', `${action}Command.d.ts`);
  return Array.from(
    readFileSync(types, 'utf8').matchAll(/@throws \{@link (\w+)\}/g),
    (match) => match[1]!,
  ).filter((name) => !name.endsWith('ServiceException'));
}

function packageRoot(service: string): string {
  const main = createRequire(import.meta.url).resolve(`@aws-sdk/client-${service}`);
  return main.slice(0, main.lastIndexOf('dist-'));
}
