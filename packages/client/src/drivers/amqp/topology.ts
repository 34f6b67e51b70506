/**
 * Declarations, one at a time on a channel of their own: the server answers a mistake by closing the channel, which must
 * hit nothing else. Everything declared is remembered and declared again on a new connection, since what is not durable has
 * gone with a restart of the server.
 */
import { PolymqError } from '../../errors.ts';
import { within } from '../../lib/within.ts';
import { amqpError } from './errors.ts';
import type { AmqpChannel, AmqpConnection } from './library.ts';
import { type Link, type LinkPart, openChannel } from './link.ts';

export type Step = (channel: AmqpChannel) => Promise<unknown>;

export class Topology implements LinkPart {
  readonly #link: Link;
  readonly #declared = new Map<string, Step>();
  #channel: AmqpChannel | undefined = undefined;
  #line: Promise<unknown> = Promise.resolve();

  constructor(link: Link) {
    this.#link = link;
    link.add(this);
  }

  /** Runs it on a channel that works, behind those that came before. `what` is for errors: `deleting queue "a"`. */
  run<T>(what: string, step: (channel: AmqpChannel) => Promise<T>): Promise<T> {
    const run = this.#line.then(() => this.#run(what, step));
    this.#line = run.catch(() => undefined);
    return run;
  }

  /** Runs it now and on each new connection. */
  async declare(key: string, what: string, step: Step): Promise<void> {
    await this.run(what, step);
    this.#declared.set(key, step);
  }

  /** It is not declared again. */
  forget(key: string): void {
    this.#declared.delete(key);
  }

  lost(): void {
    this.#channel = undefined;
  }

  async restore(connection: AmqpConnection): Promise<void> {
    for (const [key, step] of this.#declared) {
      this.#channel ??= await this.#open(connection);
      try {
        await step(this.#channel);
      } catch (error) {
        this.#channel = undefined;
        // What somebody has declared otherwise meanwhile shows up at its next use.
        if (amqpError(error, key).code === 'disconnected') throw error;
      }
    }
  }

  async #run<T>(what: string, step: (channel: AmqpChannel) => Promise<T>): Promise<T> {
    const connection = await this.#link.ready(what);
    this.#channel ??= await this.#open(connection);
    const { clock, timeoutMs } = this.#link.context;
    const late = (): PolymqError =>
      new PolymqError('timeout', `${what}: no answer within ${timeoutMs} ms; try again`);
    try {
      return await within(step(this.#channel), timeoutMs, clock, late);
    } catch (error) {
      this.#discard();
      throw amqpError(error, what);
    }
  }

  async #open(connection: AmqpConnection): Promise<AmqpChannel> {
    const channel = await openChannel(connection, 'opening a channel');
    channel.on('close', () => {
      if (this.#channel === channel) this.#channel = undefined;
    });
    return channel;
  }

  /** After an error the channel is closed, or in a state nobody knows. */
  #discard(): void {
    const channel = this.#channel;
    this.#channel = undefined;
    try {
      channel?.close().catch(() => undefined);
    } catch {
      // It was closed by the server.
    }
  }
}
