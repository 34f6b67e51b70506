/**
 * The language in which the API tables of `schema/` are written, and the types inferred from a table.
 *
 * A table is one literal. Each field is a line of text:
 *
 *   TYPE[?] [VERSIONS] [null VERSION+] [tag NUMBER] [= DEFAULT]
 *
 *   'string'                  in all versions
 *   'int32 1+ = -1'           since version 1, -1 where it is absent
 *   'string 0-3'              only up to version 3
 *   'string? 5+ = null'       may be null, wherever it is present
 *   'string null 7+'          may be null from version 7
 *   'int32[] 5+'              array of a primitive type
 *   'int64 3+ tag 1 = -1'     tagged field (KIP-482)
 *
 * A struct is an object of fields; its own line stands under `$` and says `struct` or `array` (of such
 * structs): `partitions: { $: 'array null 1+', index: 'int32', … }`. A field inside a struct states its
 * versions only where they are narrower than the struct's.
 *
 * Names, types, versions and defaults are those of Apache Kafka's own message descriptions; a test
 * compares them (`test/unit/kafka-schema`). `bytes` and `records` share memory with the request.
 */

export interface PrimitiveValues {
  boolean: boolean;
  int8: number;
  int16: number;
  uint16: number;
  int32: number;
  uint32: number;
  int64: number;
  float64: number;
  string: string;
  uuid: string;
  bytes: Buffer;
  records: Buffer;
}
export type Primitive = keyof PrimitiveValues;

type Mark = '' | '?';
type Rest = '' | ` ${string}`;
export type PrimitiveSpec = `${Primitive}${'' | '[]'}${Mark}${Rest}`;
export interface StructSpec {
  readonly $?: `${'struct' | 'array'}${Mark}${Rest}`;
  readonly [field: string]:
    | PrimitiveSpec
    | StructSpec
    | `${'struct' | 'array'}${string}`
    | undefined;
}

/** One API: every version of its request and response in one table. */
export interface ApiSpec {
  readonly key: number;
  readonly name: string;
  /** First and last version, inclusive. */
  readonly versions: readonly [first: number, last: number];
  /** The first version with compact lengths and tagged fields (KIP-482). */
  readonly flexible: number | null;
  readonly request: StructSpec;
  readonly response: StructSpec;
}

type Word<Line extends string> = Line extends `${infer First} ${string}` ? First : Line;
type Unmarked<Head extends string> = Head extends `${infer Type}?` ? Type : Head;
type LineOf<Field> = Field extends { readonly $: infer Line extends string } ? Line : Field;

type NullIn<Line> = Line extends `${infer Head}? ${string}` | `${infer Head}?`
  ? Head extends `${string} ${string}`
    ? never
    : null
  : Line extends `${string} null ${string}`
    ? null
    : never;

/** To be encoded, a field may be left out when it has a default, a tag, or is absent in some version. */
type IsOptional<Line> = Line extends `${string} ${infer Modifiers}`
  ? Modifiers extends `null ${infer Range}`
    ? Range extends `${string} ${string}`
      ? true
      : false
    : true
  : false;

type FieldName<Struct> = Exclude<keyof Struct, '$'>;
type Simplify<T> = { [K in keyof T]: T[K] };

type Decoded<Field> = Field extends string
  ? DecodedPrimitive<Unmarked<Word<Field>>> | NullIn<Field>
  : Field extends { readonly $: infer Line extends string }
    ?
        | (Word<Line> extends `array${string}`
            ? readonly DecodedStruct<Field>[]
            : DecodedStruct<Field>)
        | NullIn<Line>
    : never;
type DecodedPrimitive<Type> = Type extends `${infer Item extends Primitive}[]`
  ? readonly PrimitiveValues[Item][]
  : Type extends Primitive
    ? PrimitiveValues[Type]
    : never;
type DecodedStruct<Struct> = { readonly [K in FieldName<Struct>]: Decoded<Struct[K]> };

type Input<Field> = Field extends string
  ? Word<Field> extends `records${string}`
    ? Buffer | readonly Buffer[] | null
    : Decoded<Field>
  : Field extends { readonly $: infer Line extends string }
    ?
        | (Word<Line> extends `array${string}` ? readonly InputStruct<Field>[] : InputStruct<Field>)
        | NullIn<Line>
    : never;
type OptionalName<Struct> = {
  [K in FieldName<Struct>]: IsOptional<LineOf<Struct[K]>> extends true ? K : never;
}[FieldName<Struct>];
type InputStruct<Struct> = Simplify<
  {
    readonly [K in Exclude<FieldName<Struct>, OptionalName<Struct>>]: Input<Struct[K]>;
  } & { readonly [K in OptionalName<Struct>]?: Input<Struct[K]> | undefined }
>;

/** Of an API that is only known when the program runs, the fields cannot be told. */
type AnyFields = Readonly<Record<string, unknown>>;
type DecodedBody<Struct> = StructSpec extends Struct ? AnyFields : DecodedStruct<Struct>;
type InputBody<Struct> = StructSpec extends Struct ? AnyFields : InputStruct<Struct>;

/** A request as decoded: every field is there, with its default where the version lacks it. */
export type RequestOf<Api extends ApiSpec> = DecodedBody<Api['request']>;
/** A response to be encoded: fields with a default, and those that some versions lack, may be left out. */
export type ResponseOf<Api extends ApiSpec> = InputBody<Api['response']>;
/** A request to be encoded, for clients and tests. */
export type RequestInput<Api extends ApiSpec> = InputBody<Api['request']>;
/** A response as decoded, for clients and tests. */
export type DecodedResponse<Api extends ApiSpec> = DecodedBody<Api['response']>;
