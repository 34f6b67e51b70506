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

/** A node, and the words of the pattern that may come next below it. */
interface Step {
  node: Node;
  next: readonly number[];
}

export class KeyTree {
  readonly #root = new Node(undefined, '');
  #count = 0;

  /** Keys. */
  get count(): number {
    return this.#count;
  }

  get(key: string): KeyLeaf | undefined {
    const words = wordsOf(key);
    let node = this.#root;
    for (let at = 0; at < words.length; ) {
      const child = node.children?.get(words[at]!);
      if (child === undefined) return undefined;
      const label = child.label.split('.');
      if (sameWords(label, words, at) < label.length) return undefined;
      at += label.length;
      node = child;
    }
    return node.row === NO_ROW ? undefined : node;
  }

  /** The key has this row from now on. Returns its place, which stays as long as it has a row. */
  set(key: string, row: number): KeyLeaf {
    const node = this.#nodeOf(wordsOf(key));
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
    const words = wordsOf(pattern);
    const steps: Step[] = [];
    arrive(this.#root, reach(words, [0]), words, steps, found);
    for (let step = steps.pop(); step !== undefined; step = steps.pop()) {
      const { node, next } = step;
      const only = next.length === 1 ? words[next[0]!]! : '*';
      if (only !== '*' && only !== '#') {
        const child = node.children!.get(only);
        if (child !== undefined) enter(child, next, words, steps, found);
        continue;
      }
      for (const child of node.children!.values()) enter(child, next, words, steps, found);
    }
  }

  #nodeOf(words: readonly string[]): Node {
    let node = this.#root;
    for (let at = 0; at < words.length; ) {
      const child = node.children?.get(words[at]!);
      if (child === undefined) return addChild(node, words.slice(at));
      const label = child.label.split('.');
      const same = sameWords(label, words, at);
      node = same === label.length ? child : split(child, label, same);
      at += same;
    }
    return node;
  }
}

function wordsOf(text: string): string[] {
  return text === '' ? [] : text.split('.');
}

/** How many words of the label are those of the key from `at` on. */
function sameWords(label: readonly string[], words: readonly string[], at: number): number {
  let same = 0;
  while (same < label.length && label[same] === words[at + same]) same += 1;
  return same;
}

function addChild(parent: Node, words: readonly string[]): Node {
  const child = new Node(parent, words.join('.'));
  parent.children ??= new Map();
  parent.children.set(words[0]!, child);
  return child;
}

/** Puts a node with the first `count` words between a node and its parent. */
function split(node: Node, label: readonly string[], count: number): Node {
  const upper = addChild(node.parent!, label.slice(0, count));
  upper.children = new Map([[label[count]!, node]]);
  node.parent = upper;
  node.label = label.slice(count).join('.');
  return upper;
}

/** Takes out a node without children. */
function unlink(node: Node): Node {
  const parent = node.parent!;
  parent.children!.delete(firstWord(node.label));
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
    parent.children!.set(firstWord(node.label), child);
  }
}

function firstWord(label: string): string {
  const end = label.indexOf('.');
  return end < 0 ? label : label.slice(0, end);
}

/** Goes along the words of a node. */
function enter(
  node: Node,
  from: readonly number[],
  words: readonly string[],
  steps: Step[],
  found: (row: number) => void,
): void {
  let next = from;
  for (const word of node.label.split('.')) {
    next = advance(words, next, word);
    if (next.length === 0) return;
  }
  arrive(node, next, words, steps, found);
}

function arrive(
  node: Node,
  next: readonly number[],
  words: readonly string[],
  steps: Step[],
  found: (row: number) => void,
): void {
  // The end of the pattern is the highest of all places, and so the last.
  const ends = next[next.length - 1] === words.length;
  if (ends && node.row !== NO_ROW) found(node.row);
  const further = ends ? next.slice(0, -1) : next;
  if (node.children !== undefined && further.length > 0) steps.push({ node, next: further });
}

/** Which words of the pattern may come after one more word of the key. In order, each once. */
function advance(words: readonly string[], next: readonly number[], word: string): number[] {
  const after: number[] = [];
  for (const place of next) {
    const expected = words[place];
    if (expected === '#') after.push(place);
    else if (expected === '*' || expected === word) after.push(place + 1);
  }
  return reach(words, after);
}

/** Adds what is reached without a word, since `#` may match none. */
function reach(words: readonly string[], places: readonly number[]): number[] {
  const reached: number[] = [];
  for (const from of places) {
    let place = from;
    if (reached.length > 0 && reached[reached.length - 1]! >= place) continue;
    reached.push(place);
    while (words[place] === '#') reached.push(++place);
  }
  return reached;
}
