/** Which addresses the broker will listen on: those asked for, or every protocol's usual port. */
import { didYouMean } from '../lib/suggest.ts';
import { parseAdvertisedAddress, parseListenAddress } from './address.ts';
import { ConfigError } from './config/resolve.ts';

export interface PlannedListener {
  scheme: string;
  host: string;
  port: number;
  /** Whether somebody asked for this very address: then a taken port is an error, not a line. */
  requested: boolean;
}

/** What is known of a protocol here: its scheme and its usual port. */
export interface ListenScheme {
  readonly scheme: string;
  readonly defaultPort: number;
  /** It is not listened on unless somebody asks. */
  readonly onRequest?: boolean;
}

const DEFAULT_HOST = '127.0.0.1';

/** Throws `ConfigError` for a scheme that does not exist or an address that is given twice. */
export function planListeners(
  urls: readonly string[],
  schemes: readonly ListenScheme[],
): PlannedListener[] {
  if (urls.length === 0) {
    return schemes
      .filter(({ onRequest }) => onRequest !== true)
      .map(({ scheme, defaultPort }) => ({
        scheme,
        host: DEFAULT_HOST,
        port: defaultPort,
        requested: false,
      }));
  }
  const seen = new Set<string>();
  return urls.map((url) => {
    const address = parseListenAddress(url);
    const known = schemes.find(({ scheme }) => scheme === address.scheme);
    if (known === undefined) throw unknownScheme(url, address.scheme, schemes);
    const port = address.port ?? known.defaultPort;
    const key = `${address.host} ${port}`;
    if (port !== 0 && seen.has(key)) {
      throw new ConfigError([`listen: ${address.host} port ${port} is given twice; drop one`]);
    }
    seen.add(key);
    return { scheme: address.scheme, host: address.host, port, requested: true };
  });
}

/** Protocol → the address its clients are told. Throws `ConfigError` for a protocol that is none. */
export function planAdvertised(
  texts: readonly string[],
  schemes: readonly ListenScheme[],
): Map<string, { host: string; port: number }> {
  const addresses = new Map<string, { host: string; port: number }>();
  for (const text of texts) {
    const { protocol, host, port } = parseAdvertisedAddress(text);
    const known = schemes.map(({ scheme }) => scheme);
    if (!known.includes(protocol)) {
      const guess = didYouMean(protocol, known);
      throw new ConfigError([`advertise: there is no protocol "${protocol}"${guess}`]);
    }
    addresses.set(protocol, { host, port });
  }
  return addresses;
}

function unknownScheme(url: string, scheme: string, schemes: readonly ListenScheme[]): ConfigError {
  const known = schemes.map((entry) => entry.scheme);
  const guess = didYouMean(scheme, known);
  const there = known.map((name) => `${name}://`).join(' ');
  return new ConfigError([
    `listen: "${url}" has an unknown scheme${guess || ';'} there is: ${there}`,
  ]);
}
