/**
 * What a contract can check data with. Three kinds: any validator that implements Standard Schema (zod, valibot, arktype: they
 * bring the property `~standard`), `jsonSchema(…)` and `avro(…)`, which implement it, too.
 */

/** The part of Standard Schema (standardschema.dev, version 1) that is used here. */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
    /** Standard JSON Schema: what the validator says of itself. */
    readonly jsonSchema?:
      | { readonly output: (options: { readonly target: string }) => Record<string, unknown> }
      | undefined;
  };
}

export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

export interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** What a schema makes of data. */
export type SchemaOutput<S> = S extends StandardSchema<infer _Input, infer Output> ? Output : never;

/** A schema that writes data in its own form instead of JSON. */
export interface BinarySchema<T = unknown> extends StandardSchema<T, T> {
  readonly contentType: string;
  /** Resolves when `encode` and `decode` can be called. */
  load(): Promise<void>;
  encode(data: T): Uint8Array;
  /**
   * `writer`: the document of the version that wrote it; missing: this one. `raw`: as it was written, not resolved to
   * this schema.
   */
  decode(body: Uint8Array, writer?: unknown, raw?: boolean): unknown;
}

/** Schemas in a language that other programs read, which can be registered and compared. */
export interface SchemaDocument {
  readonly format: 'json-schema' | 'avro';
  readonly document: unknown;
}

/** A schema that knows its own document. */
export interface DocumentedSchema {
  readonly schemaDocument: SchemaDocument;
}

/** The document of a schema, if it has one. */
export function documentOf(schema: StandardSchema): SchemaDocument | undefined {
  if ('schemaDocument' in schema)
    return (schema as DocumentedSchema & typeof schema).schemaDocument;
  const { jsonSchema } = schema['~standard'];
  if (jsonSchema === undefined) return undefined;
  try {
    return {
      format: 'json-schema',
      document: jsonSchema.output({ target: 'draft-2020-12' }),
    };
  } catch {
    // Validators throw for what JSON Schema cannot express, such as dates or transformations.
    return undefined;
  }
}

/** One line per problem: `items.0.price: must be a number`. */
export function issuesText(issues: readonly SchemaIssue[]): string {
  return issues
    .slice(0, 5)
    .map(({ message, path }) => {
      const where = path
        ?.map((part) => String(typeof part === 'object' ? part.key : part))
        .join('.');
      return where === undefined || where === '' ? message : `${where}: ${message}`;
    })
    .join('; ');
}
