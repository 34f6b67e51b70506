/**
 * Topic patterns as a tree of words. A key is matched by walking all ways at once: after each word of the key there is
 * a set of nodes that the words so far may have led to.
 *
 *   a.*.c  a.#      root ── a ─┬─ * ── c ■           ■ a pattern ends here
 *                              └─ # ■ ↺              ↺ stays for every further word
 *
 * A node has one way in, from its parent; only a `#` node can be reached twice in a step, from its parent and from
 * itself, and is marked so that it is not taken twice. So a step costs at most one visit per node of the tree, whatever
 * the patterns are, where backtracking would cost a power of the number of `#`.
 *
 * The empty key has no words; `a..b` has an empty one in the middle, which `*` matches.
 */
class TrieNode {
  children: Map<string, TrieNode> | undefined = undefined;
  star: TrieNode | undefined = undefined;
  hash: TrieNode | undefined = undefined;
  /** The pattern that ends here. */
  pattern: string | undefined = undefined;
}

class HashNode extends TrieNode {
  /** The step that has taken this node last. */
  step = -1;
}

export function hasWildcard(pattern: string): boolean {
  return pattern.includes('*') || pattern.includes('#');
}

export class TopicTrie {
  #root = new TrieNode();
  #step = 0;
  #now: TrieNode[] = [];
  #next: TrieNode[] = [];

  /** Adding a pattern that is there changes nothing. */
  add(pattern: string): void {
    let node = this.#root;
    for (const word of wordsOf(pattern)) {
      if (word === '*') {
        node.star ??= new TrieNode();
        node = node.star;
      } else if (word === '#') {
        node.hash ??= new HashNode();
        node = node.hash;
      } else {
        node.children ??= new Map();
        let child = node.children.get(word);
        if (child === undefined) {
          child = new TrieNode();
          node.children.set(word, child);
        }
        node = child;
      }
    }
    node.pattern = pattern;
  }

  /** Removes the pattern, if it is there, and the nodes that only it needed. */
  delete(pattern: string): void {
    const words = wordsOf(pattern);
    const path: TrieNode[] = [this.#root];
    for (const word of words) {
      const child = step(path.at(-1)!, word);
      if (child === undefined) return;
      path.push(child);
    }
    path.at(-1)!.pattern = undefined;
    for (let depth = words.length; depth > 0 && isBare(path[depth]!); depth--) {
      unlink(path[depth - 1]!, words[depth - 1]!);
    }
  }

  /** Calls `found` once for each pattern that matches the key. */
  match(key: string, found: (pattern: string) => void): void {
    let now = this.#now;
    let next = this.#next;
    this.#enter(now, this.#root);
    for (const word of wordsOf(key)) {
      this.#step += 1;
      for (const node of now) {
        const child = node.children?.get(word);
        if (child !== undefined) this.#enter(next, child);
        if (node.star !== undefined) this.#enter(next, node.star);
        if (node instanceof HashNode) this.#enter(next, node);
      }
      now.length = 0;
      [now, next] = [next, now];
      if (now.length === 0) break;
    }
    this.#step += 1;
    for (const { pattern } of now) if (pattern !== undefined) found(pattern);
    now.length = 0;
  }

  /** Takes the node into the set, and the `#` nodes that need no word to be reached from it. */
  #enter(nodes: TrieNode[], entered: TrieNode): void {
    for (let node: TrieNode | undefined = entered; node !== undefined; node = node.hash) {
      if (node instanceof HashNode) {
        if (node.step === this.#step) return;
        node.step = this.#step;
      }
      nodes.push(node);
    }
  }
}

function wordsOf(text: string): string[] {
  return text === '' ? [] : text.split('.');
}

function step(node: TrieNode, word: string): TrieNode | undefined {
  if (word === '*') return node.star;
  return word === '#' ? node.hash : node.children?.get(word);
}

function isBare(node: TrieNode): boolean {
  return (
    node.pattern === undefined &&
    node.children === undefined &&
    node.star === undefined &&
    node.hash === undefined
  );
}

function unlink(parent: TrieNode, word: string): void {
  if (word === '*') parent.star = undefined;
  else if (word === '#') parent.hash = undefined;
  else {
    parent.children!.delete(word);
    if (parent.children!.size === 0) parent.children = undefined;
  }
}
