/**
 * Keys with a row each, as a tree of words: a pattern walks only what it can match. Runs of words without a branch are one
 * node, so there are at most two nodes for each key, however many words it has.
 *
 *   a.b.c  a.b.d.e      root ── "a.b" ─┬─ "c" ■            ■ a key ends here
 *                                      └─ "d.e" ■
 *
 * A walk takes with it which words of the pattern may come next, all ways at once: each node is looked at once at most, whatever
 * the pattern is. Nothing recurs, since keys come from clients.
 *
 * The empty key has no words; `a..b` has an empty one in the middle, which `*` matches.
 */
import { NO_ROW } from '../queue/rows.ts';

const DOT = 0x2e;

/** The place of a key. */
export interface KeyLeaf {
  readonly row: number;
}

class Node implements KeyLeaf {
  parent: Node | undefined;
  /** Its words, with dots between them; at least one, except of the root. */
  label: string;
  /** By their first words. */
  children: Map<string, Node> | undefined = undefined;
  row: number = NO_ROW;

  constructor(parent: Node | undefined, label: string) {
    this.parent = parent;
    this.label = label;
  }
}

export class KeyTree {
  readonly #root = new Node(undefined, '');
  #count = 0;

  /** Keys. */
  get count(): number {
    return this.#count;
  }

  get(key: string): KeyLeaf | undefined {
    let node = this.#root;
    for (let at = startOf(key); at <= key.length; ) {
      const child = node.children?.get(wordAt(key, at));
      if (child === undefined || sharedEnd(child.label, key, at) < child.label.length) {
        return undefined;
      }
      at += child.label.length + 1;
      node = child;
    }
    return node.row === NO_ROW ? undefined : node;
  }

  /** The key has this row from now on. Returns its place, which stays as long as it has a row. */
  set(key: string, row: number): KeyLeaf {
    const node = this.#nodeOf(key);
    if (node.row === NO_ROW) this.#count += 1;
    node.row = row;
    return node;
  }

  /** Takes a key out. */
  delete(leaf: KeyLeaf): void {
    const node = leaf as Node;
    if (node.row === NO_ROW) return;
    node.row = NO_ROW;
    this.#count -= 1;
    if (node === this.#root) return;
    if (node.children === undefined) {
      const parent = unlink(node);
      join(parent);
    } else join(node);
  }

  /** Calls `found` with the row of each key that the pattern matches. */
  match(pattern: string, found: (row: number) => void): void {
    new Match(wordsOf(pattern), found).walk(this.#root);
  }

  #nodeOf(key: string): Node {
    let node = this.#root;
    for (let at = startOf(key); at <= key.length; ) {
      const child = node.children?.get(wordAt(key, at));
      if (child === undefined) return addChild(node, key.slice(at));
      const end = sharedEnd(child.label, key, at);
      node = end === child.label.length ? child : split(child, end);
      at += end + 1;
    }
    return node;
  }
}

function wordsOf(text: string): string[] {
  return text === '' ? [] : text.split('.');
}

/** Where the first word begins. A position behind the end says that there is no word any more. */
function startOf(key: string): number {
  return key === '' ? 1 : 0;
}

function wordAt(text: string, at: number): string {
  const end = text.indexOf('.', at);
  return end < 0 ? text.slice(at) : text.slice(at, end);
}

/** Where those words of the label end that the key has too from `at` on. The first one it has. */
function sharedEnd(label: string, key: string, at: number): number {
  let end = 0;
  let next = 0;
  while (next < label.length && label.charCodeAt(next) === key.charCodeAt(at + next)) {
    if (label.charCodeAt(next) === DOT) end = next;
    next += 1;
  }
  const isEnd = next === label.length || label.charCodeAt(next) === DOT;
  const keyEnds = at + next === key.length || key.charCodeAt(at + next) === DOT;
  return isEnd && keyEnds ? next : end;
}

function addChild(parent: Node, label: string): Node {
  const child = new Node(parent, label);
  parent.children ??= new Map();
  parent.children.set(wordAt(label, 0), child);
  return child;
}

/** Puts a node with the words before `end` between a node and its parent. */
function split(node: Node, end: number): Node {
  const upper = addChild(node.parent!, node.label.slice(0, end));
  node.parent = upper;
  node.label = node.label.slice(end + 1);
  upper.children = new Map([[wordAt(node.label, 0), node]]);
  return upper;
}

/** Takes out a node without children. */
function unlink(node: Node): Node {
  const parent = node.parent!;
  parent.children!.delete(wordAt(node.label, 0));
  if (parent.children!.size === 0) parent.children = undefined;
  return parent;
}

/** A node without key and with one child only becomes one with it. */
function join(node: Node): void {
  const { parent, children } = node;
  if (parent === undefined || node.row !== NO_ROW || children?.size !== 1) return;
  for (const child of children.values()) {
    child.label = `${node.label}.${child.label}`;
    child.parent = parent;
    parent.children!.set(wordAt(node.label, 0), child);
  }
}

/** Which words of the pattern may come next: their places, in order. The place behind the last one is its end. */
type Places = readonly number[];

/** One pattern on its way through the tree. */
class Match {
  readonly #words: readonly string[];
  readonly #found: (row: number) => void;
  /** What can be reached from each place without a word, since `#` may match none; itself first. */
  readonly #reach: Places[] = [];
  /** Nodes whose children are to be looked at, each with what may come next below it. */
  readonly #nodes: Node[] = [];
  readonly #nexts: Places[] = [];

  constructor(words: readonly string[], found: (row: number) => void) {
    this.#words = words;
    this.#found = found;
    for (let place = words.length; place >= 0; place--) {
      this.#reach[place] = words[place] === '#' ? [place, ...this.#reach[place + 1]!] : [place];
    }
  }

  walk(root: Node): void {
    this.#arrive(root, this.#reach[0]!);
    for (let node = this.#nodes.pop(); node !== undefined; node = this.#nodes.pop()) {
      const next = this.#nexts.pop()!;
      const only = next.length === 1 ? this.#words[next[0]!]! : '*';
      if (only === '*') for (const child of node.children!.values()) this.#enter(child, next);
      else {
        const child = node.children!.get(only);
        if (child !== undefined) this.#enter(child, next);
      }
    }
  }

  /** Goes along the words of a node. */
  #enter(node: Node, from: Places): void {
    if (this.#matchesAll(from)) {
      this.#arrive(node, from);
      return;
    }
    const { label } = node;
    let next = from;
    for (let at = 0; at <= label.length; ) {
      const dot = label.indexOf('.', at);
      const end = dot < 0 ? label.length : dot;
      next = this.#advance(next, label, at, end);
      if (next.length === 0) return;
      at = end + 1;
    }
    this.#arrive(node, next);
  }

  #arrive(node: Node, next: Places): void {
    // The end is the highest of all places, and so the last.
    const ends = next[next.length - 1] === this.#words.length;
    if (ends && node.row !== NO_ROW) this.#found(node.row);
    if (node.children === undefined || (ends && next.length === 1)) return;
    this.#nodes.push(node);
    this.#nexts.push(next);
  }

  /** What is left of the pattern is one `#`. */
  #matchesAll(next: Places): boolean {
    return next.length === 2 && next[0] === this.#words.length - 1;
  }

  /** What may come after one more word, `label[start, end)`. */
  #advance(next: Places, label: string, start: number, end: number): Places {
    if (next.length === 1) {
      const place = next[0]!;
      return this.#takes(place, label, start, end) ? this.#reach[place + 1]! : NOWHERE;
    }
    if (this.#matchesAll(next)) return next;
    const after: number[] = [];
    for (const place of next) {
      if (this.#words[place] === '#') this.#add(after, place);
      else if (this.#takes(place, label, start, end)) this.#add(after, place + 1);
    }
    return after;
  }

  #takes(place: number, label: string, start: number, end: number): boolean {
    const word = this.#words[place];
    if (word === undefined) return false;
    return word === '*' || (word.length === end - start && label.startsWith(word, start));
  }

  #add(places: number[], from: number): void {
    for (const place of this.#reach[from]!) {
      if (places.length === 0 || places[places.length - 1]! < place) places.push(place);
    }
  }
}

const NOWHERE: Places = [];
