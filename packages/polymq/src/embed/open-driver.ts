import type { Driver, DriverContext } from '@polymq/client/driver';
import { MEMORY_DATA } from '../server/core.ts';
import { EmbeddedDriver } from './driver.ts';
import { joinBroker, type SharedBrokerOptions } from './shared-broker.ts';

/**
 * What `connect('embedded:./data')` and `connect('memory:')` of `@polymq/client` open. Clients of one process that name the
 * same directory, or the same `memory:name`, share one broker; `memory:` alone is a broker of its own.
 */
export async function openEmbeddedDriver(
  url: URL,
  options: SharedBrokerOptions | undefined,
  context: Pick<DriverContext, 'timeoutMs' | 'clientName'>,
): Promise<Driver> {
  const path = decodeURIComponent(url.pathname);
  const data = url.protocol === MEMORY_DATA ? `${MEMORY_DATA}${path}` : path;
  const broker = await joinBroker({ ...options, ...(data === '' ? {} : { data }) });
  return new EmbeddedDriver(broker, context);
}
