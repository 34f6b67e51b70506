import { Deque } from '../../lib/deque.ts';

interface Place {
  readonly go: () => void;
  /** Whoever stood here has given up. */
  left: boolean;
}

/** Lets so many at a time do something; who comes then stands in line. */
export class Turns {
  readonly #max: number;
  readonly #lineMax: number;
  readonly #line = new Deque<Place>();
  #taken = 0;

  constructor(max: number, lineMax: number) {
    this.#max = max;
    this.#lineMax = lineMax;
  }

  /** Resolves when it is the caller's turn, who must `leave` then; `false`: the signal was aborted, or the line is full. */
  async enter(signal: AbortSignal): Promise<boolean> {
    if (signal.aborted) return false;
    if (this.#taken < this.#max) {
      this.#taken += 1;
      return true;
    }
    if (this.#line.size >= this.#lineMax) return false;
    return new Promise((resolve) => {
      const go = (): void => {
        signal.removeEventListener('abort', giveUp);
        resolve(true);
      };
      const place: Place = { go, left: false };
      const giveUp = (): void => {
        place.left = true;
        resolve(false);
      };
      signal.addEventListener('abort', giveUp, { once: true });
      this.#line.push(place);
    });
  }

  /** The turn goes to the next in line. */
  leave(): void {
    for (;;) {
      const next = this.#line.shift();
      if (next === undefined) {
        this.#taken -= 1;
        return;
      }
      if (next.left) continue;
      next.go();
      return;
    }
  }
}
