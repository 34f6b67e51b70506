/** Whether a topic name is one that a filter (without `$share`) wants: the definition, level by level, to compare with. */
export function filterMatches(filter: string, topic: string): boolean {
  // [MQTT-4.7.2-1]
  if (topic.startsWith('$') && !filter.startsWith('$')) return false;
  return levelsMatch(filter.split('/'), topic.split('/'));
}

function levelsMatch(filter: readonly string[], topic: readonly string[]): boolean {
  const [first, ...rest] = filter;
  if (first === undefined) return topic.length === 0;
  if (first === '#') return true;
  if (topic.length === 0) return false;
  return (first === '+' || first === topic[0]) && levelsMatch(rest, topic.slice(1));
}
