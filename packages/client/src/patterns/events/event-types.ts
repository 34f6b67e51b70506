/** Events as programs see them. `E` maps the name of each type of event to its data: `{ Opened: { owner: string } }`. */

export type AnyEvents = Record<string, unknown>;

/** An event on its way into a stream. */
export type NewEvent<E = AnyEvents> = {
  [Type in keyof E & string]: {
    readonly type: Type;
    readonly data: E[Type];
    /** Missing: a random UUID. With an id of your own, an append may be sent again (`expect` given) without storing it twice. */
    readonly id?: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly correlationId?: string;
  };
}[keyof E & string];

/** An event as it is stored. */
export type RecordedEvent<E = AnyEvents> = {
  [Type in keyof E & string]: {
    readonly id: string;
    readonly type: Type;
    /** Validated and brought up to the newest version, if there are contracts. */
    readonly data: E[Type];
    readonly stream: string;
    /** Its number in the stream, from 1 on, without gaps. */
    readonly version: number;
    /** Its place in the store, for `readAll({ after })`: a text without meaning of its own. */
    readonly position: string;
    /** When it was appended, ms since the epoch. */
    readonly timestamp: number;
    readonly headers: Readonly<Record<string, string>>;
    readonly correlationId: string | undefined;
  };
}[keyof E & string];

/** How commands change a stream: three functions without side effects. */
export interface Decider<State, Command, E = AnyEvents> {
  /** Names its snapshots; needed if the store makes any. */
  readonly name?: string;
  initial(): State;
  evolve(state: State, event: RecordedEvent<E>): State;
  /** The events that the command leads to; none: nothing happens. Throw to refuse the command. It may run several times. */
  decide(
    command: Command,
    state: State,
  ): NewEvent<E> | readonly NewEvent<E>[] | Promise<NewEvent<E> | readonly NewEvent<E>[]>;
}

export interface Folded<State> {
  readonly state: State;
  /** Of the stream, as far as it was read: pass it as `expect`. */
  readonly version: number;
}
