// Counts words with the standard library: strings, maps, vectors, sorting with a lambda, and an exception
// for each word that is no number. A round is one text.
#include "rounds.h"
#include <algorithm>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

class Text {
public:
  explicit Text(uint64_t seed) : seed(seed) {}

  /// Letters with gaps; about one word in eight is a number.
  std::string make(long words) {
    std::string text;
    for (long i = 0; i < words; i++) {
      uint64_t random = rounds_random(&seed);
      if (random % 8 == 0) {
        text += std::to_string(random >> 48);
      } else {
        for (unsigned length = 1 + (random >> 3) % 4, k = 0; k < length; k++)
          text += static_cast<char>('a' + (random >> (8 + 5 * k)) % 16);
      }
      text += random & 1024 ? ' ' : '\n';
    }
    return text;
  }

private:
  uint64_t seed;
};

long number(std::string_view word) {
  long value = 0;
  for (char c : word) {
    if (c < '0' || c > '9')
      throw std::invalid_argument("not a number");
    value = value * 10 + (c - '0');
  }
  return value;
}

template <typename Visit> void each_word(std::string_view text, Visit visit) {
  for (size_t start = 0; start < text.size();) {
    size_t end = text.find_first_of(" \n", start);
    if (end == std::string_view::npos)
      end = text.size();
    if (end > start)
      visit(text.substr(start, end - start));
    start = end + 1;
  }
}

using Counts = std::unordered_map<std::string, long>;

void count(std::string_view text, Counts &counts, long &numbers, long &refused) {
  each_word(text, [&](std::string_view word) {
    counts[std::string(word)]++;
    if (word.size() > 3 && (word[0] == 'a' || word[0] <= '9')) {
      try {
        numbers += number(word);
      } catch (const std::invalid_argument &) {
        refused++;
      }
    }
  });
}

std::vector<std::pair<std::string, long>> ranking(const Counts &counts, size_t places) {
  std::vector<std::pair<std::string, long>> all(counts.begin(), counts.end());
  std::sort(all.begin(), all.end(), [](const auto &a, const auto &b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  });
  all.resize(std::min(all.size(), places));
  return all;
}

int main(int argc, char **argv) {
  rounds rounds = rounds_begin(argc, argv, 2800);
  long words = rounds_argument(argc, argv, 2, 2500);
  Text texts(14);
  long numbers = 0, refused = 0;
  uint64_t checksum = 0;
  std::string first;
  do {
    Counts counts;
    count(texts.make(words), counts, numbers, refused);
    for (const auto &[word, times] : ranking(counts, 10)) {
      for (char c : word)
        checksum = checksum * 31 + static_cast<unsigned char>(c);
      checksum = checksum * 31 + static_cast<uint64_t>(times);
      first = word;
    }
  } while (rounds_next(&rounds));
  std::printf("numbers %ld refused %ld last \"%s\" checksum %016llx\n", numbers, refused, first.c_str(),
              static_cast<unsigned long long>(checksum));
}
