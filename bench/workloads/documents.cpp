// Parses real XML documents with tinyxml2, walks them, changes them and prints them again.
// `documents ROUNDS FILE…` does all of it in each round and prints the same for every build.
#include "../programs/rounds.h"
#include <string>
#include <tinyxml2.h>
#include <vector>

using namespace tinyxml2;

struct Summer : XMLVisitor {
  uint32_t sum = 0;
  bool VisitEnter(const XMLElement &element, const XMLAttribute *first) override {
    add(element.Name());
    for (; first != nullptr; first = first->Next())
      add(first->Value());
    return true;
  }
  bool Visit(const XMLText &text) override {
    add(text.Value());
    return true;
  }
  void add(const char *text) {
    for (; *text != 0; text++)
      sum = sum * 31 + static_cast<unsigned char>(*text);
  }
};

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

static uint32_t work(const std::string &text, long round) {
  XMLDocument document;
  uint32_t sum = static_cast<uint32_t>(document.Parse(text.c_str(), text.size()));
  Summer before;
  document.Accept(&before);
  if (XMLElement *root = document.RootElement()) {
    long number = 0;
    for (XMLElement *at = root->FirstChildElement(); at != nullptr; at = at->NextSiblingElement())
      at->SetAttribute("number", static_cast<int>(++number));
  }
  XMLPrinter printer(nullptr, (round & 1) != 0);
  document.Print(&printer);
  return sum + before.sum + static_cast<uint32_t>(printer.CStrSize());
}

int main(int argc, char **argv) {
  rounds rounds = rounds_begin(argc, argv, 100);
  std::vector<std::string> texts;
  for (int i = 2; i < argc; i++)
    texts.push_back(read(argv[i]));
  uint32_t total = 0;
  do {
    for (const std::string &text : texts)
      total = total * 3 + work(text, rounds.done);
  } while (rounds_next(&rounds));
  std::printf("%u\n", total);
}
