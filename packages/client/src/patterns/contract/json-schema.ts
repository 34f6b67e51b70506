import { PolymqError } from '../../errors.ts';
import type { DocumentedSchema, SchemaIssue, SchemaResult, StandardSchema } from './schema.ts';

/** What of `ajv` is used. */
interface Ajv {
  compile(document: object): Validate;
}
interface Validate {
  (value: unknown): boolean;
  errors?: readonly { instancePath: string; message?: string }[] | null;
}

/**
 * A JSON Schema (draft 2020-12, or draft-07 if `$schema` says so) as a schema for `defineMessage`. Checked by the package
 * `ajv`, which is loaded with the first message; without it that message fails with `missing-package`. `T` is what you
 * say the schema describes.
 */
export function jsonSchema<T = unknown>(
  document: Readonly<Record<string, unknown>>,
): StandardSchema<T, T> & DocumentedSchema {
  let validate: Validate | undefined;
  let loading: Promise<Validate> | undefined;
  return {
    schemaDocument: { format: 'json-schema', document },
    '~standard': {
      version: 1,
      vendor: 'polymq',
      validate(value: unknown) {
        if (validate !== undefined) return check<T>(validate, value);
        loading ??= compile(document);
        return loading.then((compiled) => {
          validate = compiled;
          return check<T>(compiled, value);
        });
      },
    },
  };
}

function check<T>(validate: Validate, value: unknown): SchemaResult<T> {
  if (validate(value)) return { value: value as T };
  const issues = (validate.errors ?? []).map(({ instancePath, message }): SchemaIssue => {
    return { message: message ?? 'is not valid', path: instancePath.split('/').slice(1) };
  });
  return { issues };
}

async function compile(document: Readonly<Record<string, unknown>>): Promise<Validate> {
  const draft7 = String(document['$schema'] ?? '').includes('draft-07');
  const ajv = await loadAjv(draft7);
  try {
    return ajv.compile(document);
  } catch (cause: unknown) {
    throw new PolymqError(
      'invalid-argument',
      `this is no JSON Schema: ${(cause as Error).message}`,
      {
        cause,
      },
    );
  }
}

async function loadAjv(draft7: boolean): Promise<Ajv> {
  try {
    const module = draft7 ? await import('ajv') : await import('ajv/dist/2020.js');
    return new module.default.default({ strict: false, allErrors: true }) as Ajv;
  } catch (cause: unknown) {
    throw new PolymqError(
      'missing-package',
      'contracts by JSON Schema need the package ajv: npm install ajv',
      { cause },
    );
  }
}
