/**
 * The form of a row of the method table, and the TypeScript types inferred from it.
 *
 * Each file beside this one holds the methods of one AMQP class as literals: class and method id, who may
 * send the method, the method that answers it, whether content follows, and the arguments in wire order.
 * Names are those of the specification (AMQP 0-9-1 with the extensions of RabbitMQ) in camel case; what it
 * calls reserved is named `reserved1`, `reserved2`: written as zero, not read.
 */

/** Domains of AMQP 0-9-1 §4.2.5. Bits that stand side by side share an octet, the first is the lowest. */
export type ArgumentType =
  | 'bit'
  | 'octet'
  | 'short'
  | 'long'
  | 'longlong'
  | 'shortstr'
  | 'longstr'
  | 'table';

export type Sender = 'client' | 'server' | 'both';

export interface MethodRow {
  readonly id: readonly [classId: number, methodId: number];
  readonly sentBy: Sender;
  /** The method or methods with which the peer answers. */
  readonly reply?: string | readonly string[];
  /** A content header and body frames follow. */
  readonly content?: true;
  /** In the order of the wire. */
  readonly args: Readonly<Record<string, ArgumentType>>;
}

/** A value of a field table (AMQP 0-9-1 §4.2.5.5): what the letters become is said in `codec/field-table.ts`. */
export type FieldValue =
  | boolean
  | number
  | bigint
  | string
  | Buffer
  | null
  | FieldTimestamp
  | FieldDecimal
  | readonly FieldValue[]
  | FieldTable;

/** Has no prototype when decoded, so that no name means anything special. */
export interface FieldTable {
  readonly [name: string]: FieldValue;
}

/** Seconds since 1970. A class, since a table may well have an entry named `timestamp`. */
export class FieldTimestamp {
  readonly timestamp: number;

  constructor(timestamp: number) {
    this.timestamp = timestamp;
  }
}

/** `digits` divided by 10 to the power of `places`. */
export class FieldDecimal {
  readonly places: number;
  /** Unsigned, 32 bits, as RabbitMQ reads it. */
  readonly digits: number;

  constructor(places: number, digits: number) {
    this.places = places;
    this.digits = digits;
  }
}

interface Values {
  bit: boolean;
  octet: number;
  short: number;
  long: number;
  /** Exact up to 2^53; no tag or size beyond that is ever given out. */
  longlong: number;
  shortstr: string;
  /** Shares memory with the frame. */
  longstr: Buffer;
  table: FieldTable;
}

type Inputs = Omit<Values, 'longstr'> & { longstr: Buffer | string };

type Reserved = `reserved${number}`;
type Named<Args> = Exclude<keyof Args, Reserved>;
type Simplify<T> = { [K in keyof T]: T[K] };
/** Bits are false and tables empty where nothing is said. */
type OptionalName<Args> = {
  [K in Named<Args>]: Args[K] extends 'bit' | 'table' ? K : never;
}[Named<Args>];

/** What a method's arguments are once read. */
export type ArgsOf<Row extends MethodRow> = {
  readonly [K in Named<Row['args']>]: Values[Row['args'][K] & ArgumentType];
};

/** What must be given to write a method. */
export type ArgsInputOf<Row extends MethodRow> = Simplify<
  {
    readonly [K in Exclude<Named<Row['args']>, OptionalName<Row['args']>>]: Inputs[Row['args'][K] &
      ArgumentType];
  } & {
    readonly [K in OptionalName<Row['args']>]?: Inputs[Row['args'][K] & ArgumentType] | undefined;
  }
>;
