import type { WireMessage } from './wire-message.ts';

/**
 * How data of one kind becomes bytes and is checked, on both sides. `defineMessage` makes one; a queue or topic that has
 * contracts takes and gives nothing else.
 */
export interface MessageContract<T = unknown> {
  /** The message's `type`. */
  readonly name: string;
  /** Of the data as it is now; older messages are brought up to it. */
  readonly version: number;
  /** Throws `invalid-message`. */
  encode(data: T): EncodedData | Promise<EncodedData>;
  /** Validated data of the newest version. Throws `invalid-message`. */
  decode(message: WireMessage): T | Promise<T>;
}

export interface EncodedData {
  readonly body: Uint8Array;
  readonly contentType: string;
  /** Beside the sender's own. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** The data of a contract: `DataOf<typeof OrderPlaced>`. */
export type DataOf<C> = C extends MessageContract<infer T> ? T : never;
