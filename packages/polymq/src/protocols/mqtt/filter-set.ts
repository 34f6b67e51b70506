/**
 * Topic filters with a value each, found by a topic that they want: a trie of their levels. A look-up goes down level by level
 * with all nodes that still match, so it visits no node twice, whatever the filters are.
 *
 *   a/+/c, a/b/#        a ─┬─ + ── c ●
 *                          └─ b ── # ●
 *
 * What a topic has found is kept until a filter changes, for a bounded number of topics.
 */
interface Node<Value> {
  readonly children: Map<string, Node<Value>>;
  filter: string | undefined;
  value: Value | undefined;
}

const FOUND_MAX = 1024;

export class FilterSet<Value> {
  #root: Node<Value> = newNode();
  #size = 0;
  readonly #found = new Map<string, readonly Value[]>();

  get size(): number {
    return this.#size;
  }

  get(filter: string): Value | undefined {
    let node: Node<Value> | undefined = this.#root;
    for (const level of filter.split('/')) node = node?.children.get(level);
    return node?.value;
  }

  /** A valid filter without `$share`; in place of the value it had. */
  set(filter: string, value: Value): void {
    let node = this.#root;
    for (const level of filter.split('/')) {
      let next = node.children.get(level);
      if (next === undefined) {
        next = newNode();
        node.children.set(level, next);
      }
      node = next;
    }
    if (node.filter === undefined) this.#size += 1;
    node.filter = filter;
    node.value = value;
    this.#found.clear();
  }

  /** Whether it was there. */
  delete(filter: string): boolean {
    const levels = filter.split('/');
    const path: Node<Value>[] = [this.#root];
    for (const level of levels) {
      const next = path.at(-1)!.children.get(level);
      if (next === undefined) return false;
      path.push(next);
    }
    const node = path.at(-1)!;
    if (node.filter === undefined) return false;
    node.filter = undefined;
    node.value = undefined;
    this.#size -= 1;
    this.#found.clear();
    for (let depth = levels.length; depth > 0; depth--) {
      const { filter: taken, children } = path[depth]!;
      if (taken !== undefined || children.size > 0) break;
      path[depth - 1]!.children.delete(levels[depth - 1]!);
    }
    return true;
  }

  clear(): void {
    this.#root = newNode();
    this.#size = 0;
    this.#found.clear();
  }

  /** The values of all filters that want the topic, in no order. Shared between calls: never change it. */
  matching(topic: string): readonly Value[] {
    const known = this.#found.get(topic);
    if (known !== undefined) return known;
    const values = this.#search(topic);
    if (this.#found.size >= FOUND_MAX) this.#found.clear();
    this.#found.set(topic, values);
    return values;
  }

  *values(): Generator<Value> {
    const nodes = [this.#root];
    for (let node = nodes.pop(); node !== undefined; node = nodes.pop()) {
      if (node.filter !== undefined) yield node.value as Value;
      nodes.push(...node.children.values());
    }
  }

  #search(topic: string): Value[] {
    const values: Value[] = [];
    const levels = topic.split('/');
    // [MQTT-4.7.2-1]: no wildcard at the beginning finds a topic with `$`.
    const isSystem = topic.startsWith('$');
    let nodes = [this.#root];
    for (const [depth, level] of levels.entries()) {
      const next: Node<Value>[] = [];
      for (const { children } of nodes) {
        push(next, children.get(level));
        if (depth === 0 && isSystem) continue;
        push(next, children.get('+'));
        collect(values, children.get('#'));
      }
      nodes = next;
    }
    for (const node of nodes) {
      collect(values, node);
      // `a/#` wants `a` as well.
      collect(values, node.children.get('#'));
    }
    return values;
  }
}

function newNode<Value>(): Node<Value> {
  return { children: new Map(), filter: undefined, value: undefined };
}

function push<Value>(nodes: Node<Value>[], node: Node<Value> | undefined): void {
  if (node !== undefined) nodes.push(node);
}

function collect<Value>(values: Value[], node: Node<Value> | undefined): void {
  if (node?.filter !== undefined) values.push(node.value as Value);
}
