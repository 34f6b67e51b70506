import type { RedisSession } from './session.ts';

/**
 * `subscribed`: also for RESP2 clients that are subscribed to something. `at-once`: inside a transaction it is executed
 * instead of being queued.
 */
export type CommandFlag = 'subscribed' | 'at-once';

/** `args[0]` is the command's name. All are valid during the call only. May throw `CommandError` and `BrokerError`. */
export type Handler = (session: RedisSession, args: readonly Buffer[]) => void;

/** One row of the table of commands. */
export interface CommandRow {
  /** Lower case; `client|id` for a subcommand. */
  readonly name: string;
  /** How many arguments, the name included; negative: at least so many. */
  readonly arity: number;
  readonly flags: readonly CommandFlag[];
  readonly summary: string;
  readonly handler: Handler;
  /** By lower case name. The handler is for what is none of them. */
  readonly subcommands?: ReadonlyMap<string, CommandRow>;
}
