import { PolymqError } from '../../errors.ts';
import { type FieldReaderClass, mendTaggedFields } from './tagged-fields.ts';

/** `@platformatic/kafka`, of which the driver uses connections, codecs and metadata. */
export type Library = typeof import('@platformatic/kafka');

/** Throws `missing-package`. */
export async function loadLibrary(): Promise<Library> {
  try {
    const library = await import('@platformatic/kafka');
    mendTaggedFields(library.Reader as unknown as FieldReaderClass);
    return library;
  } catch (cause) {
    throw new PolymqError(
      'missing-package',
      'kafka:// needs the package @platformatic/kafka, which cannot be loaded: npm install @platformatic/kafka',
      { cause },
    );
  }
}
