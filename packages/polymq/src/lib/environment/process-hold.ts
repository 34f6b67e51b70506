/** Keeps this process from ending by itself while anybody holds it, whatever clock the rest goes by. */
export interface ProcessHold {
  /** Until the function that it returns is called; calling it again does nothing. */
  hold(): () => void;
}
