/** Data that the vectors were made of, and that the differential test compresses. */
export type SampleKind = 'text' | 'noise' | 'skewed' | 'digits' | 'zeros' | 'periodic' | 'far';

export const SAMPLE_KINDS: readonly SampleKind[] = [
  ...(['text', 'noise', 'skewed', 'digits', 'zeros', 'periodic', 'far'] as const),
];

/** `size` bytes that are always the same. */
export function sample(kind: SampleKind, size: number): Buffer {
  const random = generator();
  const out = Buffer.alloc(size);
  if (kind === 'zeros') return out;
  if (kind === 'text') return text(size, random);
  for (let i = 0; i < size; i++) {
    if (kind === 'noise') out[i] = random();
    // Half of them the same, a quarter the next, and so on: good for Huffman codes only.
    else if (kind === 'skewed') out[i] = 97 + Math.clz32((random() << 24) | 0x1000);
    else if (kind === 'digits') out[i] = random() >> (random() & 1 ? 5 : 7);
    else if (kind === 'periodic') out[i] = i < 5 ? random() : out[i - 5]!;
    // What is told once is told again after 200,000 bytes of the same.
    else out[i] = i % 200_000 < 600 ? (i < 600 ? random() : out[i % 200_000]!) : 120;
  }
  return out;
}

const WORDS = 'order of customer shipped to the city in box number and paid on'.split(' ');

function text(size: number, random: () => number): Buffer {
  const parts: string[] = [];
  for (let length = 0; length < size; length += parts.at(-1)!.length) {
    const word = WORDS[random() % WORDS.length]!;
    parts.push(random() < 40 ? `${word} ${random() * 256 + random()}\n` : `${word} `);
  }
  return Buffer.from(parts.join('')).subarray(0, size);
}

/** The bytes of a linear congruential generator. */
function generator(): () => number {
  let x = 1;
  return () => {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    return x >>> 24;
  };
}
