import type { HttpRequest } from '../../../src/net/http/http-exchange.ts';

export interface RequestParts {
  method?: string;
  target?: string;
  headers: readonly (readonly [name: string, value: string])[];
  body?: string | Buffer;
}

/** A request as the HTTP reader hands it out. */
export function requestOf({
  method = 'POST',
  target = '/',
  headers,
  body = '',
}: RequestParts): HttpRequest {
  const pairs = headers.map(([name, value]) => [name.toLowerCase(), value.trim()] as const);
  return {
    method,
    target,
    headers: pairs,
    header: (wanted) => {
      const values = pairs.filter(([name]) => name === wanted).map(([, value]) => value);
      return values.length === 0 ? undefined : values.join(', ');
    },
    body: Buffer.from(body),
  };
}
