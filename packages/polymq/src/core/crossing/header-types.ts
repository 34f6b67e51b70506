/**
 * Which kinds the headers of a record had as headers of a message: one JSON object, from names to kinds. A name that
 * occurs several times has the kinds of all of them, in order; `null` is text.
 *
 *   {"retries":"number","flags":["boolean",null]}
 */
import type { NeutralHeader } from '../message/neutral-message.ts';
import { type HeaderKind, kindOf } from './header-values.ts';

const KINDS: readonly string[] = ['number', 'bigint', 'boolean', 'bytes', 'json'];
/** Larger ones are not read: no message has such headers. */
const BYTES_MAX = 1024 * 1024;

type Kinds = HeaderKind | null | (HeaderKind | null)[];

export function writeHeaderTypes(headers: readonly NeutralHeader[]): string {
  const byName = new Map<string, (HeaderKind | null)[]>();
  for (const { name, value } of headers) {
    const kinds = byName.get(name);
    if (kinds === undefined) byName.set(name, [kindOf(value) ?? null]);
    else kinds.push(kindOf(value) ?? null);
  }
  const entries: [string, Kinds][] = [];
  for (const [name, kinds] of byName) {
    if (kinds.some((kind) => kind !== null)) {
      entries.push([name, kinds.length === 1 ? kinds[0]! : kinds]);
    }
  }
  return JSON.stringify(Object.fromEntries(entries));
}

/** `undefined` if it was not made by `writeHeaderTypes`. */
export function readHeaderTypes(bytes: Buffer): HeaderTypes | undefined {
  if (bytes.length > BYTES_MAX) return undefined;
  try {
    const json: unknown = JSON.parse(bytes.toString('utf8'));
    return isKindsByName(json) ? new HeaderTypes(new Map(Object.entries(json))) : undefined;
  } catch {
    return undefined;
  }
}

/** Asked for the kind of one header after the other. */
export class HeaderTypes {
  readonly #kinds: ReadonlyMap<string, Kinds>;
  /** How many headers of a name that occurs several times were asked for. */
  readonly #counts = new Map<string, number>();

  constructor(kinds: ReadonlyMap<string, Kinds>) {
    this.#kinds = kinds;
  }

  next(name: string): HeaderKind | undefined {
    const kinds = this.#kinds.get(name);
    if (!Array.isArray(kinds)) return kinds ?? undefined;
    const index = this.#counts.get(name) ?? 0;
    this.#counts.set(name, index + 1);
    return kinds[index] ?? undefined;
  }
}

function isKindsByName(json: unknown): json is { [name: string]: Kinds } {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return false;
  return Object.values(json).every((kinds) =>
    Array.isArray(kinds) ? kinds.every(isKind) : isKind(kinds),
  );
}

function isKind(kind: unknown): boolean {
  return kind === null || KINDS.includes(kind as string);
}
