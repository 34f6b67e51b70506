import { type Client, type CreatedClient, createClient } from '@polymq/client';
import type { OpenDriver } from '../../src/driver/driver.ts';
import { systemClock } from '../../src/lib/clock.ts';

/** A client over one driver, as `connect` makes it. */
export async function openClient<Options>(
  open: OpenDriver<Options>,
  url: string,
  options?: Options,
): Promise<Client> {
  let client: CreatedClient | undefined;
  const driver = await open(new URL(url), options as Options, {
    clock: systemClock,
    timeoutMs: 30_000,
    clientName: 'contract',
    onConnection: (state, error) => client?.connectionChanged(state, error),
  });
  client = createClient(driver);
  return client;
}
