'use strict';

// Intl knows what a word is in every language; splitting at blanks does not.
const segmenter = new Intl.Segmenter('en', { granularity: 'word' });

const words = (text) =>
  [...segmenter.segment(text)].filter((part) => part.isWordLike).map((part) => part.segment.toLowerCase());

/** {text, top: 5} -> {words, different, top: [{word, count}]} */
exports.handler = async ({ text, top = 5 }) => {
  const counts = new Map();
  const all = words(text);
  for (const word of all) counts.set(word, (counts.get(word) ?? 0) + 1);

  const ranking = [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
  return {
    words: all.length,
    different: counts.size,
    top: ranking.slice(0, top).map(([word, count]) => ({ word, count })),
  };
};
