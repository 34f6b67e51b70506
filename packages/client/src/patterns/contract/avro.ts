import { PolymqError } from '../../errors.ts';
import type { BinarySchema, DocumentedSchema } from './schema.ts';

/** What of `avsc` is used. */
interface AvroType {
  toBuffer(value: unknown): Buffer;
  fromBuffer(buffer: Buffer, resolver?: object): unknown;
  isValid(value: unknown, options: { errorHook(path: string[], value: unknown): void }): boolean;
  createResolver(writer: AvroType): object;
}
interface Avsc {
  Type: { forSchema(schema: unknown): AvroType };
}

/**
 * An Avro schema for `defineMessage`: bodies are Avro's binary encoding, without a prefix; the header `polymq-version`
 * says which schema wrote them. Older versions are read by their own schema (`writers`) and resolved to this one by Avro's
 * rules, then lifted by `upcast`. Needs the package `avsc`, loaded with the first message.
 */
export function avro<T = unknown>(document: unknown): BinarySchema<T> & DocumentedSchema {
  let avsc: Avsc | undefined;
  let type: AvroType;
  let loading: Promise<void> | undefined;
  const resolvers = new Map<unknown, object>();
  const load = async (): Promise<void> => {
    avsc = await loadAvsc();
    type = typeOf(avsc, document);
  };
  const resolverOf = (writer: unknown): object => {
    const known = resolvers.get(writer);
    if (known !== undefined) return known;
    const resolver = type.createResolver(typeOf(avsc!, writer));
    resolvers.set(writer, resolver);
    return resolver;
  };
  return {
    contentType: 'avro/binary',
    schemaDocument: { format: 'avro', document },
    load: () => (loading ??= load()),
    encode: (data) => {
      const problem = firstProblem(type, data);
      if (problem !== undefined) throw new Error(problem);
      return type.toBuffer(data);
    },
    decode: (body, writer, raw = false) => {
      const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
      if (writer === undefined) return type.fromBuffer(bytes);
      if (raw) return typeOf(avsc!, writer).fromBuffer(bytes);
      return type.fromBuffer(bytes, resolverOf(writer));
    },
    '~standard': {
      version: 1,
      vendor: 'polymq',
      validate: (value) => {
        const problem = firstProblem(type, value);
        return problem === undefined ? { value: value as T } : { issues: [{ message: problem }] };
      },
    },
  };
}

function firstProblem(type: AvroType, value: unknown): string | undefined {
  let problem: string | undefined;
  type.isValid(value, {
    errorHook: (path, part) => {
      problem ??= `${path.join('.') || 'the data'}: ${JSON.stringify(part)} is not of its type`;
    },
  });
  return problem;
}

function typeOf(avsc: Avsc, document: unknown): AvroType {
  try {
    return avsc.Type.forSchema(document);
  } catch (cause: unknown) {
    throw new PolymqError(
      'invalid-argument',
      `this is no Avro schema: ${(cause as Error).message}`,
      {
        cause,
      },
    );
  }
}

/** Also for the registry, which compares Avro schemas. */
export async function loadAvsc(): Promise<Avsc> {
  try {
    const module = await import('avsc');
    return module.default as unknown as Avsc;
  } catch (cause: unknown) {
    throw new PolymqError(
      'missing-package',
      'contracts by Avro need the package avsc: npm install avsc',
      {
        cause,
      },
    );
  }
}

/** Why what `writer` wrote cannot be read with `reader`; undefined: it can. */
export async function avroProblem(writer: unknown, reader: unknown): Promise<string | undefined> {
  const avsc = await loadAvsc();
  try {
    typeOf(avsc, reader).createResolver(typeOf(avsc, writer));
    return undefined;
  } catch (cause: unknown) {
    return (cause as Error).message;
  }
}
