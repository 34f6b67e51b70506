/** The lock names packages and checksums, never the machine they were fetched from. */
import { lineAt, type Problem, type Source } from './source.ts';

export function checkLockfile(sources: readonly Source[]): Problem[] {
  return sources
    .filter(({ path }) => path.endsWith('package-lock.json'))
    .flatMap(({ path, text }) =>
      Array.from(text.matchAll(/"resolved": "(?:https?|git\S*):\/\/[^"]*"/g), (match) => ({
        path,
        line: lineAt(text, match.index),
        message: 'names a registry; npm config omit-lockfile-registry-resolved=true leaves it out',
      })),
    );
}
