/**
 * Message contracts: a name, a schema and a version, checked on both sides.
 *
 *   send     data ─► schema ─► bytes, header polymq-version
 *   receive  bytes ─► version n ─► upcast[n] ─► … ─► newest ─► schema ─► data
 *
 * Old messages in a queue or a log outlive the program that wrote them. They are read as they were written, lifted version by
 * version by the `upcast` functions, and checked once, against the newest schema. A message of a version that this
 * program does not know yet is refused, so that it ends as a dead letter and can be redriven after the deployment.
 */
import { PolymqError } from '../../errors.ts';
import type { EncodedData, MessageContract } from '../../message/contract.ts';
import { HEADER } from '../../message/headers.ts';
import type { WireMessage } from '../../message/wire-message.ts';
import {
  type BinarySchema,
  documentOf,
  issuesText,
  type SchemaDocument,
  type SchemaOutput,
  type SchemaResult,
  type StandardSchema,
} from './schema.ts';

export interface ContractOptions {
  /** Of the schema given. Missing: 1. */
  version?: number;
  /** By the version it lifts from: `{ 1: (old) => ({ ...old, currency: 'EUR' }) }` makes version 2 of version 1. */
  upcast?: Readonly<Record<number, (data: never) => unknown>>;
  /** Avro only: the documents of older versions, which their bytes cannot be read without. */
  writers?: Readonly<Record<number, unknown>>;
}

/** What `defineMessage` makes. */
export interface DefinedMessage<T = unknown> extends MessageContract<T> {
  /** For a registry; undefined if the validator cannot describe itself. */
  readonly document: SchemaDocument | undefined;
  /** The versions that can be read, oldest first. */
  readonly readable: readonly number[];
}

/**
 * Defines a kind of message. The schema is any Standard Schema validator, `jsonSchema(…)` or `avro(…)`; it may fill in
 * defaults, and must give back what it gave before when it is applied again, since both sides apply it.
 * Throws `invalid-argument` if a step between the versions is missing.
 */
export function defineMessage<S extends StandardSchema<never, unknown> | StandardSchema>(
  name: string,
  schema: S,
  options: ContractOptions = {},
): DefinedMessage<SchemaOutput<S>> {
  return new Contract<SchemaOutput<S>>(name, schema as StandardSchema, options);
}

class Contract<T> implements DefinedMessage<T> {
  readonly name: string;
  readonly version: number;
  readonly readable: readonly number[];
  readonly #schema: StandardSchema;
  readonly #upcast: Readonly<Record<number, (data: never) => unknown>>;
  readonly #writers: Readonly<Record<number, unknown>>;

  constructor(name: string, schema: StandardSchema, options: ContractOptions) {
    const { version = 1, upcast = {}, writers = {} } = options;
    if (!Number.isInteger(version) || version < 1) {
      throw new PolymqError(
        'invalid-argument',
        `the version of ${name} is ${version}; count from 1`,
      );
    }
    this.name = name;
    this.version = version;
    this.readable = readableVersions(name, version, upcast, writers);
    this.#schema = schema;
    this.#upcast = upcast;
    this.#writers = writers;
  }

  get document(): SchemaDocument | undefined {
    return documentOf(this.#schema);
  }

  encode(data: T): EncodedData | Promise<EncodedData> {
    const binary = asBinary(this.#schema);
    if (binary !== undefined) return binary.load().then(() => this.#encoded(binary, data));
    const result = this.#schema['~standard'].validate(data);
    if (result instanceof Promise) return result.then((one) => this.#json(this.#valid(one)));
    return this.#json(this.#valid(result));
  }

  decode(message: WireMessage): T | Promise<T> {
    const version = this.#versionOf(message);
    const binary = asBinary(this.#schema);
    if (binary !== undefined) {
      return binary.load().then(() => {
        const data = this.#readBinary(binary, message, version);
        // Without an upcast of its own Avro has resolved it to the newest schema already.
        return this.#lifted(data, this.#upcast[version] === undefined ? this.version : version);
      });
    }
    return this.#lifted(this.#parse(message), version);
  }

  #versionOf({ headers, id }: WireMessage): number {
    const said = headers[HEADER.version];
    const version = said === undefined ? 1 : Number(said);
    if (this.readable.includes(version)) return version;
    const advice =
      version > this.version
        ? 'deploy the newer contract here, then redrive the message'
        : `give its upcast: { ${said}: (old) => … }`;
    throw this.#invalid(
      `message ${id} has version ${said}, and this program reads ${this.readable.join(', ')}: ${advice}`,
    );
  }

  #lifted(old: unknown, from: number): T | Promise<T> {
    let data = old;
    for (let version = from; version < this.version; version += 1) {
      try {
        data = this.#step(version)(data as never);
      } catch (cause: unknown) {
        throw this.#invalid(`the upcast from version ${version} failed: ${text(cause)}`, cause);
      }
    }
    const result = this.#schema['~standard'].validate(data);
    return result instanceof Promise ? result.then((one) => this.#valid(one)) : this.#valid(result);
  }

  #step(version: number): (data: never) => unknown {
    const step = this.#upcast[version];
    if (step !== undefined) return step;
    throw new Error(`there is no upcast from version ${version}`);
  }

  #valid(result: SchemaResult<unknown>): T {
    if (result.issues === undefined) return result.value as T;
    throw this.#invalid(issuesText(result.issues));
  }

  #json(data: T): EncodedData {
    let json: string | undefined;
    try {
      json = JSON.stringify(data);
    } catch (cause: unknown) {
      throw this.#invalid(`the data has no JSON form: ${text(cause)}`, cause);
    }
    if (json === undefined)
      throw this.#invalid('the data has no JSON form; send null or an object');
    return this.#withVersion(Buffer.from(json), 'application/json');
  }

  #encoded(schema: BinarySchema, data: T): EncodedData {
    try {
      return this.#withVersion(schema.encode(data), schema.contentType);
    } catch (cause: unknown) {
      throw this.#invalid(text(cause), cause);
    }
  }

  #withVersion(body: Uint8Array, contentType: string): EncodedData {
    return { body, contentType, headers: { [HEADER.version]: String(this.version) } };
  }

  #parse(message: WireMessage): unknown {
    try {
      return JSON.parse(Buffer.from(message.body).toString());
    } catch (cause: unknown) {
      throw this.#invalid(`message ${message.id} is no JSON: ${text(cause)}`, cause);
    }
  }

  #readBinary(schema: BinarySchema, message: WireMessage, version: number): unknown {
    if (version !== this.version && this.#writers[version] === undefined) {
      throw this.#invalid(
        `message ${message.id} has version ${version}, whose schema is unknown: give writers: { ${version}: … }`,
      );
    }
    try {
      if (version === this.version) return schema.decode(message.body);
      const raw = this.#upcast[version] !== undefined;
      return schema.decode(message.body, this.#writers[version], raw);
    } catch (cause: unknown) {
      throw this.#invalid(`message ${message.id} cannot be read: ${text(cause)}`, cause);
    }
  }

  #invalid(what: string, cause?: unknown): PolymqError {
    return new PolymqError('invalid-message', `${this.name}: ${what}`, { cause });
  }
}

function asBinary(schema: StandardSchema): BinarySchema | undefined {
  return 'contentType' in schema ? (schema as BinarySchema) : undefined;
}

/** From the newest version down, as long as there is a way up. */
function readableVersions(
  name: string,
  newest: number,
  upcast: Readonly<Record<number, unknown>>,
  writers: Readonly<Record<number, unknown>>,
): number[] {
  const isReadable = (version: number): boolean => {
    return upcast[version] !== undefined || writers[version] !== undefined;
  };
  const versions = [newest];
  while (versions[0]! > 1 && isReadable(versions[0]! - 1)) versions.unshift(versions[0]! - 1);
  const useless = Object.keys(upcast).find((from) => !versions.slice(0, -1).includes(Number(from)));
  if (useless === undefined) return versions;
  throw new PolymqError(
    'invalid-argument',
    `${name}: the upcast from version ${useless} leads nowhere; there must be one for each version up to ${newest - 1}`,
  );
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
