/** Values for every member of a shape, as the SDKs take and give them, and as our handlers do. */
import type { Shape, StructureShape } from '../../../src/protocols/aws/wire/shape.ts';

/** Everything that JSON, forms and XML have to escape, and characters of two, three and four bytes. */
export const AWKWARD = ' a+b&c=d%41;<e>"f"\'g\'/h\\i\tj\nké€😀 ';
const BYTES = Uint8Array.from([0, 250, 251, 252, 253, 254, 255]);
export const BYTES_BASE64 = Buffer.from(BYTES).toString('base64');

/** Blobs are base64 text to us and bytes to the SDKs. */
export function sampleOf(shape: Shape, blobsAs: 'text' | 'bytes', salt = ''): unknown {
  switch (shape.kind) {
    case 'string':
      return `${AWKWARD}${salt}`;
    case 'integer':
      return 7;
    case 'boolean':
      return true;
    case 'blob':
      return blobsAs === 'bytes' ? BYTES : BYTES_BASE64;
    case 'timestamp':
      return 1_700_000_000_000;
    case 'list':
      return ['1', '2', '3'].map((each) => sampleOf(shape.member, blobsAs, each));
    case 'map':
      return {
        first: sampleOf(shape.value, blobsAs, '1'),
        ['se & c<o>n"d']: sampleOf(shape.value, blobsAs, '2'),
      };
    case 'structure':
      return structureSample(shape, blobsAs, salt);
  }
}

export function structureSample(
  { members }: StructureShape,
  blobsAs: 'text' | 'bytes',
  salt = '',
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(members).map(([name, { shape }]) => [
      name,
      sampleOf(shape, blobsAs, `${salt}-${name}`),
    ]),
  );
}

/** With plain prototypes and bytes as base64, so that values of both sides can be compared. */
export function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(
        ([name, each]) => each !== undefined && name !== '$metadata' && name !== 'ResponseMetadata',
      )
      .map(([name, each]) => [name, plain(each)]),
  );
}
