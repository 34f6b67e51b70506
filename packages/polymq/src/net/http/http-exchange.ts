/**
 * HTTP/1.1 as protocols see it: one request, one answer. Whoever reads the bytes (`http-session.ts`) hands out requests of one
 * connection one after the other, the next one when the one before is answered.
 */

/** One request, head and body whole. */
export interface HttpRequest {
  /** In capitals, such as `POST`. */
  readonly method: string;
  /** As on the request line: path and query, not decoded. */
  readonly target: string;
  /** The value of a header, by its name in lower case; several with one name are joined by `, `. */
  header(name: string): string | undefined;
  /** All headers in the order of arrival: name in lower case, value without outer blanks. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Valid until `HttpService.handle` returns: copy what is kept. */
  readonly body: Buffer;
}

export interface HttpAnswer {
  status: number;
  contentType?: string;
  /** Further headers. `content-length` and `connection` are set by the session. */
  headers?: readonly (readonly [name: string, value: string])[];
  body: string | Buffer;
}

/** A request that waits for its answer. */
export interface HttpExchange {
  readonly request: HttpRequest;
  readonly remoteAddress: string;
  readonly localAddress: string;
  readonly localPort: number;
  /** The client has gone: nobody will read an answer. */
  readonly closed: boolean;
  /** Called once if the client goes before the answer. */
  onClosed: (() => void) | undefined;
  /** Answers; once. Does nothing when the client has gone. May be called before or after `handle` returns. */
  answer(answer: HttpAnswer): void;
}

/** What a protocol over HTTP does with requests. */
export interface HttpService {
  handle(exchange: HttpExchange): void;
  /** The body of an answer to what is no acceptable HTTP (400, 408, 413, 431, 501, 505), as this protocol words it. */
  refuse(status: number, reason: string): HttpAnswer;
  /** The largest body, in bytes. */
  readonly bodyBytesMax: number;
}
