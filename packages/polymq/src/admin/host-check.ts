/**
 * Against DNS rebinding: a page in a browser may resolve its own name to 127.0.0.1 and then talk to a broker
 * that listens there. Its requests carry that name in `Host`, so a listener on loopback answers only
 * to names that mean this machine, to plain IP addresses, and to names the operator has listed.
 */
import { isIP } from 'node:net';

/** Whether a request with this `Host` header may be answered by a listener bound to loopback. */
export function hostAllowed(header: string | undefined, further: readonly string[]): boolean {
  // HTTP/1.0 and hand-typed requests have none; browsers always send one.
  if (header === undefined || header === '') return true;
  const host = hostOf(header);
  if (host === undefined) return false;
  return host === 'localhost' || isIP(host) !== 0 || further.includes(host);
}

/** The name without port and brackets, in lower case. */
function hostOf(header: string): string | undefined {
  const [, bracketed, plain] = /^(?:\[([^\]]+)\]|([^:]+))(?::\d{1,5})?$/.exec(header) ?? [];
  return (bracketed ?? plain)?.toLowerCase().replace(/\.$/, '');
}
