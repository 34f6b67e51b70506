/** Message attributes: typed values beside the body, as SQS and SNS have them. */
export interface MessageAttribute {
  /** `String`, `Number`, `Binary` or `String.Array`, each perhaps with a type of the user's behind a dot: `Number.int`. */
  DataType: string;
  StringValue?: string;
  /** Base64, as AWS JSON has it. */
  BinaryValue?: string;
}

/** By name, in the sender's order. */
export type MessageAttributes = Readonly<Record<string, MessageAttribute>>;
