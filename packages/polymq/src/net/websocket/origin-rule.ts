import { isLoopback } from '../loopback.ts';

const ANY = '*';

/**
 * Which web pages may connect. Browsers let any page open a WebSocket to any address and say only where the page is
 * from, so a broker that listens on this machine alone would be open to every page that is visited here.
 *
 * Programs send no origin and are not concerned. Pages of this machine itself may connect to a listener that only
 * this machine reaches; all others must be named.
 */
export class OriginRule {
  readonly #local: boolean;
  readonly #allowed: ReadonlySet<string>;

  /** `local`: the listener is reached from this machine only. `allowed`: origins such as `https://app.example`, or `*`. */
  constructor(local: boolean, allowed: readonly string[]) {
    this.#local = local;
    this.#allowed = new Set(allowed.map(normalised));
  }

  admits(origin: string | undefined): boolean {
    if (origin === undefined || this.#allowed.has(ANY)) return true;
    if (this.#allowed.has(normalised(origin))) return true;
    return this.#local && isLocal(origin);
  }
}

/** Without the usual port and in lower case; what is no URL (`null`, `*`) as it is. */
function normalised(origin: string): string {
  const url = parsed(origin);
  return url === undefined ? origin : `${url.protocol}//${url.host}`;
}

function isLocal(origin: string): boolean {
  const url = parsed(origin);
  return url !== undefined && isLoopback(url.hostname.replace(/^\[(.*)\]$/, '$1'));
}

function parsed(origin: string): URL | undefined {
  return URL.canParse(origin) ? new URL(origin) : undefined;
}
