/** What a connection has queued since MULTI, until EXEC or DISCARD. */
import type { CommandRow } from './command-row.ts';
import { CommandError } from './errors.ts';
import type { RedisSession } from './session.ts';

const COMMANDS_MAX = 100_000;
const BYTES_MAX = 64 * 1024 * 1024;
/** What an argument costs besides its bytes. */
const ARGUMENT_BYTES = 64;

export interface QueuedCommand {
  readonly row: CommandRow;
  readonly args: readonly Buffer[];
}

export class Transaction {
  readonly commands: QueuedCommand[] = [];
  /** Something could not be queued: EXEC will refuse. */
  dirty = false;
  /** EXEC is running. */
  running = false;
  /** What it has published is kept by somebody: the reply waits for the disk. */
  stored = false;
  readonly streams: Promise<void>[] = [];
  #bytes = 0;

  /** Copies the arguments. Throws `CommandError` if there are too many. */
  queue(row: CommandRow, args: readonly Buffer[]): void {
    if (this.dirty) return;
    let bytes = this.#bytes;
    for (const arg of args) bytes += arg.length + ARGUMENT_BYTES;
    if (this.commands.length >= COMMANDS_MAX || bytes > BYTES_MAX) {
      throw new CommandError(
        `ERR the transaction is too large: at most ${COMMANDS_MAX} commands and ${BYTES_MAX} bytes`,
      );
    }
    this.#bytes = bytes;
    this.commands.push({ row, args: args.map((arg) => Buffer.from(arg)) });
  }

  /** The message just published is kept by somebody. */
  keep(session: RedisSession): void {
    this.stored = true;
    const streams = session.publishing.streamsPending();
    if (streams !== undefined) this.streams.push(streams);
  }
}
