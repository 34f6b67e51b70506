/** A file of the repository as the checks see it. */
export interface Source {
  /** From the top of the repository, with `/`. */
  readonly path: string;
  readonly text: string;
}

/** Something that breaks a rule: where, and what to do. */
export interface Problem {
  readonly path: string;
  /** From 1; undefined if it concerns the file as a whole. */
  readonly line?: number;
  readonly message: string;
}

export type Check = (sources: readonly Source[]) => Problem[];

/** Where the broker's sources lie. */
export const SRC = 'packages/polymq/src/';

/** Where the client's sources lie. */
export const CLIENT_SRC = 'packages/client/src/';

/** Production code of the broker: no tests, and none of what only tests use. */
export function isProduction({ path }: Source): boolean {
  return path.startsWith(SRC) && isShipped(path);
}

/** The same of the client. */
export function isClientProduction({ path }: Source): boolean {
  return path.startsWith(CLIENT_SRC) && isShipped(path);
}

function isShipped(path: string): boolean {
  return path.endsWith('.ts') && !path.endsWith('.test.ts') && !path.includes('/testing/');
}

export function lineAt(text: string, index: number): number {
  return text.slice(0, index).split('\n').length;
}

/**
 * The text with comments and the insides of strings and regular expressions turned into spaces, so that
 * a search finds code only. Line breaks stay, so positions and line numbers hold. Code inside `${…}` is
 * blanked with its template: no rule of ours has ever needed it.
 */
export function codeOnly(text: string): string {
  const blank = (match: string) => match.replace(/[^\n]/g, ' ');
  return text.replace(TOKENS, (match, lead: string | undefined) => {
    if (lead === undefined) return blank(match);
    return lead + blank(match.slice(lead.length));
  });
}

/** Comments, strings, templates, and regular expressions (by what stands before the slash). */
const TOKENS =
  /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\[\s\S]|[^`\\])*`|([=(,:[!&|?{};]\s*)\/(?![/*])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/[dgimsuvy]*/g;

export interface Import {
  readonly specifier: string;
  readonly typeOnly: boolean;
  readonly line: number;
}

/** Every module that a file names: imports, re-exports and dynamic imports. */
export function importsOf({ text }: Source): Import[] {
  const code = text.replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, ' '));
  const found: Import[] = [];
  for (const match of code.matchAll(IMPORTS)) {
    const [, typeOnly, first, second] = match;
    found.push({
      specifier: (first ?? second)!,
      typeOnly: typeOnly !== undefined,
      line: lineAt(code, match.index),
    });
  }
  return found;
}

const IMPORTS =
  /^[ \t]*(?:import|export)\s+(type\s)?(?:[^'";]*?\sfrom\s+)?'([^']+)'|\bimport\(\s*'([^']+)'\s*\)/gm;
