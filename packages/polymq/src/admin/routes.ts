/**
 * What the HTTP listener offers, one row per method and path. A handler gets the parsed query and returns an answer; it
 * knows no sockets, so tests can call it directly.
 */
export interface Route {
  /** Missing: `GET`, which answers `HEAD` as well. */
  readonly method?: 'GET' | 'POST';
  /** Segments in braces take any text: `/api/v1/queues/{name}`. */
  readonly path: string;
  /** One line for the list of what exists. */
  readonly doc: string;
  handle(query: URLSearchParams, request: RouteRequest): Answer | Promise<Answer>;
}

/** What a request says beside its query. */
export interface RouteRequest {
  /** The segments in braces, decoded. */
  readonly params: Readonly<Record<string, string>>;
  /** The parsed JSON body of a `POST`; else undefined. */
  readonly body: unknown;
  /** Aborted when the client has gone: for answers that wait. */
  readonly signal: AbortSignal;
}

/** For routes that look at the query alone. */
export const PLAIN_REQUEST: RouteRequest = {
  params: {},
  body: undefined,
  signal: new AbortController().signal,
};

export interface Answer {
  status: number;
  contentType: string;
  body: string;
}

export function json(status: number, value: unknown): Answer {
  return {
    status,
    contentType: 'application/json; charset=utf-8',
    body: `${JSON.stringify(value)}\n`,
  };
}

/** An error as every path answers it. The message says what is wrong and what to do. */
export function errorAnswer(status: number, code: string, message: string): Answer {
  return json(status, { error: { code, message } });
}
