/** Words of one line of a transcript: `name`, `name=text`, `name=<JSON>`, and loose JSON values behind them. */

export type Json = string | number | boolean | null | Json[] | { [name: string]: Json };

export interface Line {
  words: string[];
  args: Record<string, Json>;
  /** Values without a name, such as properties and body of a message. */
  values: Json[];
}

export function parseLine(text: string): Line {
  const line: Line = { words: [], args: {}, values: [] };
  let at = 0;
  while (at < text.length) {
    if (text[at] === ' ') at += 1;
    else at = parseWord(text, at, line);
  }
  return line;
}

function parseWord(text: string, at: number, line: Line): number {
  if (isJson(text[at])) {
    const end = jsonEnd(text, at);
    line.values.push(JSON.parse(text.slice(at, end)) as Json);
    return end;
  }
  const name = /^[^\s=]*/.exec(text.slice(at))![0];
  const after = at + name.length;
  if (text[after] !== '=') {
    line.words.push(name);
    return after;
  }
  const start = after + 1;
  if (isJson(text[start])) {
    const end = jsonEnd(text, start);
    line.args[name] = JSON.parse(text.slice(start, end)) as Json;
    return end;
  }
  const value = /^\S*/.exec(text.slice(start))![0];
  line.args[name] = /^-?[0-9]+$/.test(value) ? Number(value) : value;
  return start + value.length;
}

function isJson(character: string | undefined): boolean {
  return character === '{' || character === '[' || character === '"';
}

/** Where the JSON value ends that starts at `at`. */
function jsonEnd(text: string, at: number): number {
  let depth = 0;
  for (let end = at; end < text.length; end++) {
    const character = text[end]!;
    if (character === '"') end = stringEnd(text, end);
    else if ('{['.includes(character)) depth += 1;
    else if ('}]'.includes(character)) depth -= 1;
    if (depth === 0) return end + 1;
  }
  throw new Error(`unfinished JSON in: ${text}`);
}

/** The closing quote of the string whose opening quote is at `at`. */
function stringEnd(text: string, at: number): number {
  let end = at + 1;
  while (end < text.length && text[end] !== '"') end += text[end] === '\\' ? 2 : 1;
  return end;
}
