import type { Clock } from '../lib/environment/clock.ts';

export interface ConnectionLimits {
  /** Open connections over all listeners. */
  connectionsMax: number;
  /** Open connections from one address. */
  connectionsPerAddressMax: number;
  /** New connections from one address within a second. */
  connectionRateMax: number;
}

interface AddressState {
  open: number;
  /** New connections counted in the second that began at `sinceMs`. */
  recent: number;
  sinceMs: number;
}

/** States of addresses without connections are dropped this often. */
const PURGE_MS = 10_000;

/**
 * Decides, before a byte is read, whether one more connection is allowed. Shared by all listeners. The
 * limits per address do not apply to loopback, which many programs (and proxies) share.
 */
export class ConnectionLimiter {
  readonly #limits: ConnectionLimits;
  readonly #clock: Clock;
  readonly #byAddress = new Map<string, AddressState>();
  #open = 0;
  #purgedMs = 0;

  constructor(limits: ConnectionLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
  }

  /** Counts the connection, or returns why it is refused. */
  admit(address: string): string | undefined {
    const { connectionsMax, connectionsPerAddressMax, connectionRateMax } = this.#limits;
    if (this.#open >= connectionsMax) return `more than ${connectionsMax} connections`;
    if (!isLoopback(address)) {
      const state = this.#stateOf(address);
      if (state.open >= connectionsPerAddressMax) {
        return `more than ${connectionsPerAddressMax} connections from one address`;
      }
      state.recent += 1;
      if (state.recent > connectionRateMax) {
        return `more than ${connectionRateMax} new connections a second from one address`;
      }
      state.open += 1;
    }
    this.#open += 1;
    return undefined;
  }

  /** The counterpart of a successful `admit`. */
  release(address: string): void {
    this.#open -= 1;
    const state = this.#byAddress.get(address);
    if (state) state.open -= 1;
  }

  #stateOf(address: string): AddressState {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#purgedMs >= PURGE_MS) this.#purge(nowMs);
    let state = this.#byAddress.get(address);
    if (!state) {
      state = { open: 0, recent: 0, sinceMs: nowMs };
      this.#byAddress.set(address, state);
    } else if (nowMs - state.sinceMs >= 1000) {
      state.recent = 0;
      state.sinceMs = nowMs;
    }
    return state;
  }

  #purge(nowMs: number): void {
    this.#purgedMs = nowMs;
    for (const [address, state] of this.#byAddress) {
      if (state.open === 0 && nowMs - state.sinceMs >= 1000) this.#byAddress.delete(address);
    }
  }
}

function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1';
}
