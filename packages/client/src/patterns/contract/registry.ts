/**
 * A registry of contracts: refuses a change that would break programs that are deployed already. It compares a contract with what was
 * registered under its name before, by the documents of their schemas.
 *
 * - The same version with another schema is refused: messages of that version are under way.
 * - An older version than the newest is accepted if it is known: an old program starts again.
 * - A new version must be able to read the newest one (`backward`), be readable by it (`forward`), or both (`full`). A version with an
 *   `upcast` from the newest one reads it by definition.
 */
import { PolymqError } from '../../errors.ts';
import { avroProblem } from './avro.ts';
import type { DefinedMessage } from './define-message.ts';
import { jsonProblems } from './json-compatibility.ts';
import type { SchemaDocument } from './schema.ts';

export type Compatibility = 'backward' | 'forward' | 'full' | 'none';

/** One version of one contract. */
export interface RegisteredContract {
  readonly name: string;
  readonly version: number;
  readonly schema: SchemaDocument;
  /** The versions it can read by its upcasts and writers. */
  readonly readable: readonly number[];
}

/** Where registrations are kept, in the order in which they were made. */
export interface RegistryStore {
  /** All registrations under that name. */
  list(name: string): Promise<readonly RegisteredContract[]>;
  /**
   * Adds one behind the `known` ones that the decision was made by; `false` if there are others by now. Durable when it
   * resolves.
   */
  add(contract: RegisteredContract, known: number): Promise<boolean>;
}

export interface ContractRegistry {
  /**
   * Registers the contracts, or confirms that they are. Rejects with `incompatible-contract`, which lists every reason, and
   * registers none of them after that one. Call it at the start of a program, or in its tests.
   */
  register(...contracts: readonly DefinedMessage[]): Promise<void>;
  /** Why the contract would be refused; empty: it would not. */
  check(contract: DefinedMessage): Promise<string[]>;
}

const ATTEMPTS_MAX = 10;

export function contractRegistry(
  store: RegistryStore,
  { compatibility = 'backward' }: { compatibility?: Compatibility } = {},
): ContractRegistry {
  const register = async (contract: DefinedMessage): Promise<void> => {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      const known = await store.list(contract.name);
      if (known.some(({ version }) => version === contract.version)) {
        refuse(contract, await problems(contract, known, compatibility));
        return;
      }
      refuse(contract, await problems(contract, known, compatibility));
      if (await store.add(registration(contract), known.length)) return;
    }
    throw new PolymqError(
      'version-conflict',
      `${contract.name} is being registered by too many others at once; try again`,
    );
  };
  return {
    async register(...contracts) {
      for (const contract of contracts) await register(contract);
    },
    async check(contract) {
      return problems(contract, await store.list(contract.name), compatibility);
    },
  };
}

/** Keeps registrations for the life of the process: for tests. */
export function memoryRegistry(): RegistryStore {
  const all: RegisteredContract[] = [];
  const list = (name: string): RegisteredContract[] => all.filter((one) => one.name === name);
  return {
    list: async (name) => list(name),
    async add(contract, known) {
      if (list(contract.name).length !== known) return false;
      all.push(contract);
      return true;
    },
  };
}

function refuse(contract: DefinedMessage, reasons: readonly string[]): void {
  if (reasons.length === 0) return;
  throw new PolymqError(
    'incompatible-contract',
    `version ${contract.version} of ${contract.name} does not get along with what is deployed: ${reasons.join('; ')}. ` +
      'Keep the old fields, make new ones optional, or give the new version an upcast',
  );
}

async function problems(
  contract: DefinedMessage,
  known: readonly RegisteredContract[],
  compatibility: Compatibility,
): Promise<string[]> {
  const next = registration(contract);
  const same = known.find(({ version }) => version === next.version);
  if (same !== undefined) {
    return sameSchema(same.schema, next.schema)
      ? []
      : [`version ${next.version} was registered with another schema; count the version up`];
  }
  const newest = known.reduce<RegisteredContract | undefined>((best, one) => {
    return best === undefined || one.version > best.version ? one : best;
  }, undefined);
  if (newest === undefined || compatibility === 'none') return [];
  if (next.version < newest.version) {
    return [
      `version ${newest.version} is registered already, and version ${next.version} never was`,
    ];
  }
  const reasons: string[] = [];
  if (compatibility !== 'forward' && !next.readable.includes(newest.version)) {
    reasons.push(...(await unreadable(newest.schema, next.schema)));
  }
  if (compatibility !== 'backward') {
    const back = await unreadable(next.schema, newest.schema);
    reasons.push(...back.map((reason) => `for the old readers ${reason}`));
  }
  return reasons;
}

/** Why what `writer` describes may not be read by `reader`. */
async function unreadable(writer: SchemaDocument, reader: SchemaDocument): Promise<string[]> {
  if (writer.format !== reader.format) {
    return [`the schema language changed from ${writer.format} to ${reader.format}`];
  }
  if (writer.format === 'json-schema') return jsonProblems(writer.document, reader.document);
  const problem = await avroProblem(writer.document, reader.document);
  return problem === undefined ? [] : [problem];
}

function registration(contract: DefinedMessage): RegisteredContract {
  const { name, version, document: schema, readable } = contract;
  if (schema !== undefined) return { name, version, schema, readable };
  throw new PolymqError(
    'invalid-argument',
    `${name} cannot be registered: its validator cannot describe itself as JSON Schema; use jsonSchema(…), avro(…), or one that implements Standard JSON Schema`,
  );
}

function sameSchema(one: SchemaDocument, other: SchemaDocument): boolean {
  if (one.format !== other.format) return false;
  if (one.format === 'avro') return JSON.stringify(one.document) === JSON.stringify(other.document);
  const both = [
    jsonProblems(one.document, other.document),
    jsonProblems(other.document, one.document),
  ];
  return both.every((list) => list.length === 0);
}
