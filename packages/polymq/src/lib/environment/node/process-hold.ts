import type { ProcessHold } from '../process-hold.ts';

/** The longest that a timer of Node can wait. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/** By a timer that never fires. */
export class NodeProcessHold implements ProcessHold {
  #count = 0;
  #timer: NodeJS.Timeout | undefined;

  hold(): () => void {
    this.#count += 1;
    this.#timer ??= setInterval(() => undefined, TIMER_MS_MAX);
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#count -= 1;
      if (this.#count > 0) return;
      clearInterval(this.#timer);
      this.#timer = undefined;
    };
  }
}
