import { PolymqError } from '../errors.ts';

/** A URL, and the hosts behind the first one, which a URL has no place for. */
export interface ParsedAddress {
  readonly url: URL;
  readonly furtherHosts: readonly string[];
}

/** Scheme, user, hosts, the rest: `kafka://user:password@k1:9092,k2:9092?tls=true`. */
const HOSTS = /^([a-z]+:\/\/(?:[^/?#@]*@)?)([^/?#]*,[^/?#]*)(.*)$/;

/** Throws `invalid-argument`, without the address and without the cause, which shows it: it may hold a password. */
export function parseAddress(address: string): ParsedAddress {
  const [, before, hosts, rest] = HOSTS.exec(address) ?? [];
  const [first = '', ...furtherHosts] = hosts?.split(',').map((host) => host.trim()) ?? [];
  const text = hosts === undefined ? address : `${before}${first}${rest}`;
  try {
    return { url: new URL(text), furtherHosts };
  } catch {
    throw new PolymqError(
      'invalid-argument',
      'the address is no URL; it begins with a scheme, such as polymq://localhost, amqp://localhost or memory:',
    );
  }
}
