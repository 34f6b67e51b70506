/**
 * The shapes of inputs and outputs, as the service models of the SDKs describe them. One table serves both wire formats:
 * AWS JSON uses the member names; the Query protocol spells them out as `Attribute.1.Name=…` and answers in XML.
 */
export type Shape = { readonly kind: ScalarKind } | ListShape | MapShape | StructureShape;

/** Blobs are base64 text, timestamps milliseconds since the epoch. */
export type ScalarKind = 'string' | 'integer' | 'boolean' | 'blob' | 'timestamp';

export interface ListShape {
  readonly kind: 'list';
  readonly member: Shape;
  /** Query: `Name.1` instead of `Name.member.1`. */
  readonly flattened?: boolean;
  /** Query: what stands in place of the member's own name when flattened, and of `member` in XML. */
  readonly memberName?: string;
}

export interface MapShape {
  readonly kind: 'map';
  readonly value: Shape;
  readonly flattened?: boolean;
  /** Query: `entry` if not flattened; names of key and value. */
  readonly keyName?: string;
  readonly valueName?: string;
}

export interface StructureShape {
  readonly kind: 'structure';
  readonly members: Readonly<Record<string, Member>>;
}

export interface Member {
  readonly shape: Shape;
  readonly required?: boolean;
  /** An empty text counts as missing. */
  readonly nonEmpty?: boolean;
  /** Query: instead of the member's name. */
  readonly queryName?: string;
}

/** One row of a service's table of actions. */
export interface Action {
  readonly name: string;
  /** `sqs` or `sns`. */
  readonly service: string;
  readonly input: StructureShape;
  /** Undefined: an empty answer. */
  readonly output: StructureShape | undefined;
  /** Names of error shapes that the model lists for it. */
  readonly errors: readonly string[];
}

export interface ServiceTable {
  /** `sqs` or `sns`. */
  readonly service: string;
  /** What stands before the action in `X-Amz-Target`. */
  readonly targetPrefix: string;
  /** The `Version` of the Query protocol, and the XML namespace. */
  readonly version: string;
  readonly xmlNamespace: string;
  readonly actions: ReadonlyMap<string, Action>;
}
