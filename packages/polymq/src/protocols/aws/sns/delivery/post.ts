import type { Failure } from './delivery.ts';

/** A POST to an endpoint. */
export interface PostRequest {
  url: string;
  headers: Readonly<Record<string, string>>;
  body: string;
  /** The operator has configured the URL: private addresses are allowed. */
  trusted: boolean;
  /** For all of it; without it that of the outbound client. */
  timeoutMs?: number;
}

export interface PostAnswer {
  status: number;
  header(name: string): string | undefined;
  /** Its beginning, if it is long. */
  body: string;
}

/** Resolves with the answer, whatever its status, or with why there is none. */
export type Post = (request: PostRequest) => Promise<PostAnswer | Failure>;

export function isFailure(result: PostAnswer | Failure): result is Failure {
  return 'retry' in result;
}

/**
 * What a status means for the delivery, as AWS has it: 5xx and 429 may pass; everything else but 2xx is for good, also redirects, which
 * are never followed.
 */
export function statusFailure(status: number): Failure | undefined {
  if (status >= 200 && status < 300) return undefined;
  const retry = status === 429 || status >= 500;
  return { retry, code: String(status), message: `the endpoint answered with status ${status}` };
}
