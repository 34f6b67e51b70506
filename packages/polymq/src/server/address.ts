/**
 * Addresses as people write them: `kafka://127.0.0.1:9092` to listen on, `kafka=broker.example:9092` to
 * advertise. A host with colons (IPv6) stands in square brackets. Port 0 picks a free port.
 */

export interface ListenAddress {
  /** The scheme: which protocol, such as `kafka` or `http`. */
  scheme: string;
  host: string;
  /** Undefined: the protocol's usual port. */
  port: number | undefined;
}

export interface AdvertisedAddress {
  protocol: string;
  host: string;
  port: number;
}

const SCHEME = /^([a-z][a-z0-9+]*):\/\/(.*)$/;
const HOST_AND_PORT = /^(\[[0-9a-fA-F:.]+(?:%[\w.-]+)?\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?\/?$/;
const PORT_MAX = 65_535;

/** Throws `Error` with the end of a sentence: `must look like …`. */
export function parseListenAddress(text: string): ListenAddress {
  const [, scheme, rest] = SCHEME.exec(text) ?? [];
  const parsed = rest === undefined ? undefined : parseHostPort(rest);
  if (scheme === undefined || parsed === undefined) {
    throw new Error(`must look like kafka://127.0.0.1:9092, not "${text}"`);
  }
  return { scheme, ...parsed };
}

export function parseAdvertisedAddress(text: string): AdvertisedAddress {
  const at = text.indexOf('=');
  const parsed = at <= 0 ? undefined : parseHostPort(text.slice(at + 1));
  if (parsed?.port === undefined || parsed.port === 0) {
    throw new Error(`must look like kafka=broker.example:9092, not "${text}"`);
  }
  return { protocol: text.slice(0, at), host: parsed.host, port: parsed.port };
}

function parseHostPort(text: string): { host: string; port: number | undefined } | undefined {
  const [, host, portText] = HOST_AND_PORT.exec(text) ?? [];
  if (host === undefined) return undefined;
  const port = portText === undefined ? undefined : Number(portText);
  if (port !== undefined && port > PORT_MAX) return undefined;
  return { host: host.startsWith('[') ? host.slice(1, -1) : host, port };
}

/** `kafka://127.0.0.1:9092`, with brackets where the host needs them. */
export function formatUrl(scheme: string, host: string, port: number): string {
  return `${scheme}://${formatHostPort(host, port)}`;
}

export function formatHostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
