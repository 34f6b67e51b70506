/** Finds the route of a method and a path. Few routes: they are tried one after the other. */
import type { Route } from './routes.ts';

interface Row {
  readonly route: Route;
  readonly method: string;
  readonly segments: readonly string[];
}

export interface FoundRoute {
  readonly route: Route;
  readonly params: Readonly<Record<string, string>>;
}

export class RouteTable {
  readonly #rows: readonly Row[];

  constructor(routes: readonly Route[]) {
    this.#rows = routes.map((route) => ({
      route,
      method: route.method ?? 'GET',
      segments: route.path.split('/'),
    }));
  }

  find(method: string, path: string): FoundRoute | undefined {
    const segments = path.split('/');
    for (const row of this.#rows) {
      if (row.method !== method) continue;
      const params = match(row.segments, segments);
      if (params !== undefined) return { route: row.route, params };
    }
    return undefined;
  }

  /** For which methods the path is there. */
  methodsOf(path: string): string[] {
    const segments = path.split('/');
    const rows = this.#rows.filter((row) => match(row.segments, segments) !== undefined);
    return rows.map(({ method }) => method);
  }

  list(): string[] {
    return this.#rows.map(
      ({ route, method }) => `${method === 'GET' ? '' : `${method} `}${route.path} (${route.doc})`,
    );
  }
}

/** What stands in the place of the names in braces; undefined: it is another path. */
function match(
  pattern: readonly string[],
  segments: readonly string[],
): Record<string, string> | undefined {
  if (pattern.length !== segments.length) return undefined;
  const params: Record<string, string> = {};
  for (const [index, expected] of pattern.entries()) {
    const segment = segments[index]!;
    if (!expected.startsWith('{')) {
      if (segment !== expected) return undefined;
      continue;
    }
    const value = decoded(segment);
    if (value === undefined || value === '') return undefined;
    params[expected.slice(1, -1)] = value;
  }
  return params;
}

function decoded(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}
