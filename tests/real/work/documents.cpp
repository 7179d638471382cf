// Makes, prints, parses and changes XML documents, over and over: `documents ROUNDS` prints the
// same for every build.
#include <cstdio>
#include <cstdlib>
#include <string>
#include <tinyxml2.h>

using namespace tinyxml2;

static unsigned mix(unsigned value) { return (value ^ (value >> 7)) * 2654435761u + 99; }

struct Summer : XMLVisitor {
  unsigned sum = 0, elements = 0;
  bool VisitEnter(const XMLElement &element, const XMLAttribute *first) override {
    elements++;
    for (; first != nullptr; first = first->Next())
      sum = sum * 31 + static_cast<unsigned>(first->IntValue());
    for (const char *c = element.Name(); *c != 0; c++)
      sum = sum * 33 + static_cast<unsigned char>(*c);
    return true;
  }
  bool Visit(const XMLText &text) override {
    for (const char *c = text.Value(); *c != 0; c++)
      sum = sum * 37 + static_cast<unsigned char>(*c);
    return true;
  }
};

static void grow(XMLDocument &document, XMLElement &parent, int depth, unsigned &seed) {
  for (int i = 0; i < 4; i++) {
    seed = mix(seed);
    XMLElement *child = parent.InsertNewChildElement(seed & 1 ? "odd" : "even");
    child->SetAttribute("number", static_cast<int>(seed & 0xFFFF));
    child->SetAttribute("half", (seed & 0xFF) * 0.5);
    if (depth > 0)
      grow(document, *child, depth - 1, seed);
    else
      child->InsertNewText(("text & <" + std::to_string(seed % 1000) + ">").c_str());
  }
}

int main(int argc, char **argv) {
  int rounds = argc > 1 ? std::atoi(argv[1]) : 1;
  unsigned total = 0, seed = 1;
  for (int round = 0; round < rounds; round++) {
    XMLDocument made;
    XMLElement *root = made.NewElement("root");
    made.InsertEndChild(root);
    grow(made, *root, 3, seed);
    XMLPrinter printer(nullptr, round & 1);
    made.Print(&printer);
    XMLDocument parsed;
    if (parsed.Parse(printer.CStr()) != XML_SUCCESS)
      return 1;
    Summer summer;
    parsed.Accept(&summer);
    for (XMLElement *at = parsed.RootElement()->FirstChildElement("odd"); at != nullptr;
         at = at->NextSiblingElement("odd"))
      at->DeleteAttribute("half");
    XMLDocument broken;
    total = total * 3 + summer.sum + summer.elements + static_cast<unsigned>(printer.CStrSize());
    total += static_cast<unsigned>(broken.Parse("<a><b></a>")) + broken.ErrorLineNum();
  }
  std::printf("%u\n", total);
  return 0;
}
