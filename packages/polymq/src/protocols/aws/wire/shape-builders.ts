/**
 * Short words for the tables of actions, such as `required(text)` or `flatList('AttributeName', STRING)`: in upper case are shapes, in
 * lower case members of structures.
 */
import type {
  Action,
  ListShape,
  MapShape,
  Member,
  ServiceTable,
  Shape,
  StructureShape,
} from './shape.ts';

export const STRING: Shape = { kind: 'string' };
export const INTEGER: Shape = { kind: 'integer' };
export const BOOLEAN: Shape = { kind: 'boolean' };
export const BLOB: Shape = { kind: 'blob' };

export const text: Member = { shape: STRING };
export const integer: Member = { shape: INTEGER };
export const boolean: Member = { shape: BOOLEAN };
export const blob: Member = { shape: BLOB };

export function required(member: Member): Member {
  return { ...member, required: true };
}

/** Required, and not empty either. */
export function needed(member: Member): Member {
  return { ...member, required: true, nonEmpty: true };
}

export function structure(members: Readonly<Record<string, Member>>): StructureShape {
  return { kind: 'structure', members };
}

/** Query: `Name.1`. */
export function flatList(name: string, member: Shape): Member {
  return { shape: { kind: 'list', member, flattened: true, memberName: name } };
}

/** Query: `Name.member.1`. */
export function list(member: Shape): Member {
  return { shape: { kind: 'list', member } satisfies ListShape };
}

export interface MapNames {
  readonly key: string;
  readonly value: string;
}

/** Query: `Name.1.Key`, `Name.1.Value`. */
export function flatMap(queryName: string, value: Shape, names: MapNames): Member {
  return { shape: mapOf(value, names, true), queryName };
}

/** Query: `Member.entry.1.key`, `Member.entry.1.value`. */
export function map(value: Shape, names: MapNames = { key: 'key', value: 'value' }): Member {
  return { shape: mapOf(value, names, false) };
}

function mapOf(value: Shape, names: MapNames, flattened: boolean): MapShape {
  return { kind: 'map', value, flattened, keyName: names.key, valueName: names.value };
}

export interface ActionRow {
  readonly input?: Readonly<Record<string, Member>>;
  /** Missing: an empty answer. */
  readonly output?: Readonly<Record<string, Member>>;
  readonly errors: readonly string[];
}

export function serviceTable(
  head: Omit<ServiceTable, 'actions'>,
  rows: Readonly<Record<string, ActionRow>>,
): ServiceTable {
  const actions = new Map<string, Action>(
    Object.entries(rows).map(([name, { input, output, errors }]) => [
      name,
      {
        name,
        service: head.service,
        input: structure(input ?? {}),
        output: output === undefined ? undefined : structure(output),
        errors,
      },
    ]),
  );
  return { ...head, actions };
}
