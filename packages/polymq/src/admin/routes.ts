/**
 * What the HTTP listener offers, one row per path. A handler gets the parsed query and returns an answer; it
 * knows no sockets, so tests can call it directly.
 */
export interface Route {
  readonly path: string;
  /** One line for the list of what exists. */
  readonly doc: string;
  handle(query: URLSearchParams): Answer | Promise<Answer>;
}

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
