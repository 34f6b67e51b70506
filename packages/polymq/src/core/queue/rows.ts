/**
 * The message table: one row per message in a queue, whichever queue. Rows are numbers; their fields are columns of
 * typed arrays, so that ten million waiting messages are some hundred arrays to the garbage collector.
 *
 *   row = page number << 14 | index in page            a page: 16,384 rows, about 1 MB
 *
 * Pages are made when needed and dropped when all their rows are free again. A message in a hundred queues has a
 * hundred rows that name the same place in the journal.
 */
const PAGE_BITS = 14;
const PAGE_ROWS: number = 1 << PAGE_BITS;
const INDEX_MASK = PAGE_ROWS - 1;
/** Empty pages that are kept for the next burst. */
const SPARE_PAGES_MAX = 4;

/** No row. */
export const NO_ROW = -1;

/** What a row is. */
export const ROW_STATE = {
  free: 0,
  /** Waits in its queue. */
  ready: 1,
  /** With a consumer that has not answered yet: unacked, in flight, invisible. */
  leased: 2,
  /** Waits for its time. */
  delayed: 3,
  /** Its message is not there any more, but a list or a holder still has the row, and frees it. */
  gone: 4,
} as const;

export const ROW_FLAG = {
  /** To be there after a restart. */
  persistent: 1,
  /** May have been delivered before. */
  redelivered: 2,
  /** Its lease was counted when it was handed out, and its due time is the end of that. */
  counted: 4,
  /** When it expires follows from its queue alone: the message has no time to live of its own. */
  queueTtl: 8,
  /** Over when this process ends: a counted lease or, with `ahead`, one that is not. */
  local: 16,
  /** Was handed out ahead of the work on it: by this process, if it is `local`, else by one that has ended since. */
  ahead: 32,
} as const;

export class RowPage {
  /** Rows in use. */
  used = 0;
  /** The first free row of this page, by index; the others follow in `next`. */
  freeHead = 0;
  /** Whether the table knows that this page has free rows. */
  listed = true;
  /** Id of the queue. */
  readonly queue: Uint32Array = new Uint32Array(PAGE_ROWS);
  /** Position in the order of its queue. */
  readonly seq: Float64Array = new Float64Array(PAGE_ROWS);
  /** The record of the journal that holds the message; negative if it is only in memory. */
  readonly offset: Float64Array = new Float64Array(PAGE_ROWS);
  /** Where the message bytes start in their batch or chunk, and how many they are. */
  readonly position: Uint32Array = new Uint32Array(PAGE_ROWS);
  readonly bytes: Uint32Array = new Uint32Array(PAGE_ROWS);
  /** How many of them are the body: what limits on queues count. */
  readonly bodyBytes: Uint32Array = new Uint32Array(PAGE_ROWS);
  /** When it expires, ms since the epoch; 0: never. */
  readonly expiresMs: Float64Array = new Float64Array(PAGE_ROWS);
  /** When it came into its queue, ms since the epoch; set by the store, for persistent rows only. */
  readonly enqueuedMs: Float64Array = new Float64Array(PAGE_ROWS);
  /** The next row in whatever list this one is in. */
  readonly next: Int32Array = new Int32Array(PAGE_ROWS);
  /** Its timer in the wheel, 0 if none. */
  readonly timer: Int32Array = new Int32Array(PAGE_ROWS);
  /** Its message group in its queue, 0 if none. */
  readonly group: Int32Array = new Int32Array(PAGE_ROWS);
  /** How often it was handed out and came back; a counted lease counts from its beginning. */
  readonly attempts: Uint16Array = new Uint16Array(PAGE_ROWS);
  readonly state: Uint8Array = new Uint8Array(PAGE_ROWS);
  readonly priority: Uint8Array = new Uint8Array(PAGE_ROWS);
  readonly flags: Uint8Array = new Uint8Array(PAGE_ROWS);

  constructor() {
    for (let index = 0; index < PAGE_ROWS; index++) this.next[index] = index + 1;
    this.next[PAGE_ROWS - 1] = NO_ROW;
  }
}

export class RowTable {
  readonly pages: (RowPage | undefined)[] = [];
  /** Numbers of pages with free rows; the last one is filled first. */
  readonly #open: number[] = [];
  #spares = 0;
  #count = 0;

  /** Rows in use. */
  get count(): number {
    return this.#count;
  }

  /** The page of a row in use. */
  page(row: number): RowPage {
    return this.pages[row >> PAGE_BITS]!;
  }

  /** The index of a row in its page. */
  index(row: number): number {
    return row & INDEX_MASK;
  }

  /** A row with `next`, `timer`, `group`, `attempts`, `flags` and `expiresMs` reset, the rest as it was. */
  allocate(): number {
    const number = this.#open.at(-1) ?? this.#addPage();
    const page = this.pages[number]!;
    const index = page.freeHead;
    if (page.used === 0) this.#spares -= 1;
    page.freeHead = page.next[index]!;
    page.used += 1;
    if (page.freeHead === NO_ROW) {
      page.listed = false;
      this.#open.pop();
    }
    page.next[index] = NO_ROW;
    page.timer[index] = 0;
    page.group[index] = 0;
    page.attempts[index] = 0;
    page.flags[index] = 0;
    page.expiresMs[index] = 0;
    this.#count += 1;
    return (number << PAGE_BITS) | index;
  }

  free(row: number): void {
    const number = row >> PAGE_BITS;
    const page = this.pages[number]!;
    const index = row & INDEX_MASK;
    page.state[index] = ROW_STATE.free;
    page.next[index] = page.freeHead;
    page.freeHead = index;
    page.used -= 1;
    this.#count -= 1;
    if (!page.listed) {
      page.listed = true;
      this.#open.push(number);
    }
    if (page.used === 0) this.#emptied(number);
  }

  /** Visits every row in use, page by page. */
  forEach(visit: (row: number, page: RowPage, index: number) => void): void {
    for (let number = 0; number < this.pages.length; number++) this.forEachInPage(number, visit);
  }

  forEachInPage(number: number, visit: (row: number, page: RowPage, index: number) => void): void {
    const page = this.pages[number];
    if (page === undefined || page.used === 0) return;
    for (let index = 0; index < PAGE_ROWS; index++) {
      if (page.state[index] !== ROW_STATE.free) visit((number << PAGE_BITS) | index, page, index);
    }
  }

  #addPage(): number {
    let number = this.pages.indexOf(undefined);
    if (number < 0) number = this.pages.length;
    this.pages[number] = new RowPage();
    this.#open.push(number);
    this.#spares += 1;
    return number;
  }

  #emptied(number: number): void {
    this.#spares += 1;
    if (this.#spares <= SPARE_PAGES_MAX) return;
    this.#spares -= 1;
    this.pages[number] = undefined;
    this.#open.splice(this.#open.indexOf(number), 1);
  }
}
