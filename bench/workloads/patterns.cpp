// Searches real text with re2, line by line and as a whole: words, numbers, names, dates, captures,
// replacements. `patterns ROUNDS FILE` prints the same for every build.
#include "../programs/rounds.h"
#include <re2/re2.h>
#include <string>
#include <vector>

using re2::RE2;
using re2::StringPiece;

static std::string read(const char *path) {
  std::FILE *file = std::fopen(path, "rb");
  if (file == nullptr) {
    std::perror(path);
    std::exit(1);
  }
  std::string text;
  char block[4096];
  while (size_t count = std::fread(block, 1, sizeof block, file))
    text.append(block, count);
  std::fclose(file);
  return text;
}

static std::vector<StringPiece> lines_of(const std::string &text) {
  std::vector<StringPiece> lines;
  size_t begin = 0;
  while (begin < text.size()) {
    size_t end = text.find('\n', begin);
    if (end == std::string::npos)
      end = text.size();
    lines.emplace_back(text.data() + begin, end - begin);
    begin = end + 1;
  }
  return lines;
}

int main(int argc, char **argv) {
  rounds rounds = rounds_begin(argc, argv, 10);
  if (argc < 3) {
    std::fprintf(stderr, "usage: patterns ROUNDS FILE\n");
    return 2;
  }
  std::string text = read(argv[2]);
  std::vector<StringPiece> lines = lines_of(text);
  RE2 call("\\b([a-z]\\w*[A-Z]\\w*)\\s*\\(([^(),]*)"), hex("0x[0-9a-fA-F]+"), comment("/\\*(.*?)\\*/"),
      choice("(?i)error|warning|corrupt|overflow|malloc|sqlite3_free"), name("^(?:static\\s+)?(\\w+)\\s+\\*?(\\w+)\\("),
      blanks("[ \\t]+");
  uint64_t sum = 0;
  do {
    for (const StringPiece &line : lines) {
      StringPiece first, second;
      if (RE2::PartialMatch(line, call, &first, &second))
        sum = sum * 31 + first.size() * 7 + second.size();
      if (RE2::PartialMatch(line, choice))
        sum += 3;
      if (RE2::PartialMatch(line, name, &first, &second))
        sum = sum * 33 + second.size();
    }
    StringPiece rest(text), found;
    while (RE2::FindAndConsume(&rest, comment, &found))
      sum = sum * 37 + found.size();
    for (size_t i = 0; i < lines.size(); i += 8) {
      std::string line(lines[i].data(), lines[i].size());
      sum = sum * 41 + static_cast<uint64_t>(RE2::GlobalReplace(&line, blanks, " "));
      sum += RE2::GlobalReplace(&line, hex, "<\\0>") + line.size();
    }
  } while (rounds_next(&rounds));
  std::printf("%016llx\n", static_cast<unsigned long long>(sum));
}
