/** Lists in pages: the token is where the next page begins. */
import { invalidParameter } from './errors.ts';

export const PAGE_LENGTH = 100;

export interface Page<T> {
  items: readonly T[];
  nextToken: string | undefined;
}

/**
 * The page behind the item whose key the token names; `all` is in the order of keys. What comes and goes between two pages
 * disturbs no other item.
 */
export function pageOf<T>(
  all: readonly T[],
  keyOf: (item: T) => string,
  token: string | undefined,
): Page<T> {
  const after = token === undefined || token === '' ? '' : readToken(token);
  const first = after === '' ? 0 : all.findIndex((item) => keyOf(item) > after);
  const items = first < 0 ? [] : all.slice(first, first + PAGE_LENGTH);
  const more = first >= 0 && first + PAGE_LENGTH < all.length;
  return { items, nextToken: more ? writeToken(keyOf(items.at(-1)!)) : undefined };
}

/** For answers: the member is missing on the last page. */
export function nextTokenOf({ nextToken }: Page<unknown>): { NextToken?: string } {
  return nextToken === undefined ? {} : { NextToken: nextToken };
}

const TOKEN_PREFIX = 'v1:';

function writeToken(key: string): string {
  return Buffer.from(TOKEN_PREFIX + key, 'utf8').toString('base64url');
}

function readToken(token: string): string {
  const text = Buffer.from(token, 'base64url').toString('utf8');
  if (!text.startsWith(TOKEN_PREFIX)) throw invalidParameter('NextToken');
  return text.slice(TOKEN_PREFIX.length);
}
