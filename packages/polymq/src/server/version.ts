import { readFileSync } from 'node:fs';

/** From the package itself, which lies two folders up from `src/server` and from `dist/server` alike. */
export function version(): string {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}
