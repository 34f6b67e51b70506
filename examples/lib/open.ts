import { parseArgs } from 'node:util';
import { type Client, connect } from '@polymq/client';

/**
 * The client of an example: a broker in memory, or whatever `--url` names (`polymq://127.0.0.1`, `amqp://127.0.0.1`). The program is the same
 * for all of them.
 */
export async function open(): Promise<Client> {
  const { values } = parseArgs({ options: { url: { type: 'string', default: 'memory:' } } });
  return connect(values.url);
}

/** A promise, and the function that resolves it. */
export function signal(): { readonly fired: Promise<void>; fire(): void } {
  let fire = (): void => undefined;
  const fired = new Promise<void>((resolve) => {
    fire = resolve;
  });
  return { fired, fire };
}
