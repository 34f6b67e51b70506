/** Names that a broker makes up, numbered as they come, so that transcripts are the same each time: `<gen-1>`. */
export class GeneratedNames {
  readonly #pattern: RegExp | undefined;
  /** By number. */
  readonly #names = new Map<string, string>();

  /** The first group of the pattern, which is a global one, is what a name is called. */
  constructor(pattern: RegExp | undefined) {
    this.#pattern = pattern;
  }

  numbered(line: string): string {
    if (this.#pattern === undefined) return line;
    return line.replaceAll(this.#pattern, (real, kind: string) => {
      const known = [...this.#names].find(([, name]) => name === real)?.[0];
      if (known !== undefined) return known;
      const count = [...this.#names.keys()].filter((name) => name.startsWith(`<${kind}-`)).length;
      const numbered = `<${kind}-${count + 1}>`;
      this.#names.set(numbered, real);
      return numbered;
    });
  }

  real(line: string): string {
    return line.replaceAll(/<[a-z.-]+-\d+>/g, (name) => this.#names.get(name) ?? name);
  }
}
