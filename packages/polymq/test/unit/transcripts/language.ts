/** How the connections of a protocol are written down in transcripts. */
export interface Language {
  /** Stands between the name of a connection and what comes on it: `< a.1 …`, `< a …`. */
  readonly separator: ' ' | '.';
  /** Names that the broker makes up; the first group is what they are called: `<gen-1>`. */
  readonly generated?: RegExp;
  /** The client's side of a new connection, when the line opens one. */
  open(text: string): Speaker | undefined;
}

/** The client's side of one connection. */
export interface Speaker {
  /**
   * The octets of a line, without the name of the connection. There are none when the line only opens the connection, or
   * when all of it was said in the talk.
   */
  say(text: string, talk: Talk): Promise<Buffer | undefined> | Buffer | undefined;
  /** Lines of what has come. What is not whole yet is kept for the next call. */
  hear(bytes: Buffer): string[];
}

/** For lines that stand for several steps, each of which waits for the broker's answer. */
export interface Talk {
  /** The name of the connection. */
  readonly name: string;
  /** What has come on all connections and is not in the transcript yet. Lines that are taken away never will be. */
  readonly lines: string[];
  send(bytes: Buffer): void;
  /** Resolves when all has come. */
  settle(): Promise<void>;
}
