/**
 * Where a client is told to find the broker.
 *
 * Kafka clients connect once to the address they were given, and from then on to the one that Metadata
 * names. Without `--advertise` it is worked out for each connection:
 *
 *   1. the peer is the default gateway   the broker runs in a container whose port is published on the
 *                                        host, as `localhost`: the address we see is of no use outside
 *   2. otherwise                         the address that the client did reach
 */
import type { Disk } from '../../lib/environment/disk.ts';
import type { Connection } from '../../net/connection.ts';

export interface Address {
  host: string;
  port: number;
}

export function advertisedAddress(
  connection: Pick<Connection, 'remoteAddress' | 'localAddress' | 'localPort'>,
  configured: Address | undefined,
  gateway: string | undefined,
): Address {
  if (configured) return configured;
  const port = connection.localPort;
  if (gateway !== undefined && connection.remoteAddress === gateway) {
    return { host: 'localhost', port };
  }
  return { host: connection.localAddress || 'localhost', port };
}

/** Files by which Docker and Podman mark a container. */
const CONTAINER_MARKS = ['/.dockerenv', '/run/.containerenv'];

/** The default gateway if this process runs in a container, else undefined. */
export async function containerGateway(disk: Disk): Promise<string | undefined> {
  try {
    const marks = await Promise.all(CONTAINER_MARKS.map((path) => disk.readFile(path)));
    if (marks.every((mark) => mark === undefined)) return undefined;
    const table = await disk.readFile('/proc/net/route');
    return table && gatewayOf(table.toString('latin1'));
  } catch {
    return undefined;
  }
}

/** Finds the gateway of destination 0.0.0.0; addresses are little-endian hexadecimal. */
export function gatewayOf(routeTable: string): string | undefined {
  for (const line of routeTable.split('\n').slice(1)) {
    const [, destination, gateway] = line.trim().split(/\s+/);
    if (destination !== '00000000' || !gateway || !/^[0-9A-F]{8}$/i.test(gateway)) continue;
    const bytes = Buffer.from(gateway, 'hex').reverse();
    return [...bytes].join('.');
  }
  return undefined;
}
