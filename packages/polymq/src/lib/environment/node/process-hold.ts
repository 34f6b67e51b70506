/** The longest that a timer of Node can wait. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/** Keeps this process from ending by itself while anybody holds it, whatever clock the rest goes by. */
export class ProcessHold {
  #count = 0;
  #timer: NodeJS.Timeout | undefined;

  /** Until the function that it returns is called; calling it again does nothing. */
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
