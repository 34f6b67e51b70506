import type { AddressRules } from './address-rules.ts';

/**
 * HTTP requests that the broker sends to targets which somebody else has named: webhooks. Redirects are not followed, and
 * an address that is not public is not connected to unless a rule allows it, whatever name stands for it.
 */
export interface Outbound {
  /**
   * Resolves with the answer, whatever its status. Rejects with an `OutboundError`, and with nothing else. Requests
   * beyond the number that may run at once wait for their turn.
   */
  request(request: OutboundRequest): Promise<OutboundAnswer>;
}

export interface OutboundRequest {
  /** `http` or `https`. A user and a password in it are sent as Basic authorization. */
  readonly url: string;
  readonly method: string;
  readonly headers?: readonly (readonly [name: string, value: string])[];
  readonly body?: string | Buffer;
  /** Private addresses that may be connected to. Missing: none. */
  readonly allow?: AddressRules;
  /** From its turn to the last byte of the answer. 15 s if missing. */
  readonly timeoutMs?: number;
  /** From its turn until connected, with the name found and TLS agreed. 5 s if missing. */
  readonly connectTimeoutMs?: number;
  /** The largest body of an answer. 64 KiB if missing. */
  readonly responseBytesMax?: number;
  /** Gives up. */
  readonly signal?: AbortSignal;
}

export interface OutboundAnswer {
  readonly status: number;
  /** By name in lower case; several with one name are joined by `, `. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
}

export type OutboundErrorCode =
  /** No URL, or none of http and https. */
  | 'bad-url'
  /** A method or header that HTTP does not have. */
  | 'bad-request'
  /** The name is not known. */
  | 'resolve'
  /** Every address of the target is one that may not be connected to. */
  | 'refused-address'
  | 'connect'
  | 'tls'
  | 'timeout'
  /** The connection broke before the answer was whole. */
  | 'connection-lost'
  /** What came back is no HTTP. */
  | 'bad-answer'
  | 'response-too-large'
  /** Too many requests wait already. */
  | 'busy'
  | 'aborted';

/** No whole answer has come, and why. */
export class OutboundError extends Error {
  override readonly name = 'OutboundError';
  readonly code: OutboundErrorCode;
  /** The status of an answer that has begun. */
  readonly status: number | undefined;

  constructor(code: OutboundErrorCode, message: string, status?: number) {
    super(message);
    this.code = code;
    this.status = status;
  }
}
