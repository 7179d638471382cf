#include "Inputs.h"

#include "Completeness.h"
#include "Copy.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Demangle/Demangle.h"
#include "llvm/Support/Base64.h"

using namespace llvm;

namespace halo {

Error Inputs::serve() {
  return Engine.serve("__halo_caught_tag", [this](ArrayRef<char> Bytes) {
    StringRef Both(Bytes.data(), Bytes.size());
    auto [Type, What] = Both.split('\0');
    StringRef Name = Type.ltrim('*'); // of a type that other libraries do not see
    std::string Spelled = demangle(("_ZTS" + Name).str());
    StringRef Clean = Spelled;
    Clean.consume_front("typeinfo name for ");
    Exception = Caught{Clean.str(), What.rtrim('\0').str()};
    return std::string();
  });
}

json::Object Inputs::run(StringRef Source, const json::Object &Request) {
  const json::Object *Told = Request.getObject("again");
  const json::Object Changes = Told ? *Told : json::Object();
  Libraries.begin(Request.getObject("missed"));
  expect(Request);
  IsGood = false;
  if (StringRef Flaw = flaw(Compiler, Source); !Flaw.empty())
    return json::Object{
        {"diagnostics", ("error: " + Flaw + "\n").str()}, {"compiled", false}, {"harmless", true}};
  if (Request.getBoolean("careful").value_or(false) || MustBePure) {
    json::Object Failed = tryInCopy(Source, Changes);
    if (!Failed.empty()) {
      Failed["harmless"] = true;
      return Failed;
    }
  }
  std::unique_ptr<Module> M = Compiler.compile(Again.apply(Changes, Source));
  if (!M)
    return failure();
  json::Object Answer{{"diagnostics", json::fixUTF8(Compiler.takeDiagnostics())}, {"compiled", true}};
  std::vector<std::string> Wanted = Libraries.takeWanted(*M);
  auto Code = Engine.emit(*M);
  Error Failure = Code ? Error::success() : Code.takeError();
  if (!Failure && Request.getBoolean("waits").value_or(false))
    Failure = AwaitGo();
  if (!Failure)
    Failure = Libraries.load(Wanted);
  if (!Failure)
    Failure = Engine.run(std::move(*Code));
  IsGood = !Failure;
  tellLink(Answer, std::move(Failure));
  tellResult(Answer);
  if (IsGood && MayBePure && Values.isPure() && !Source.contains('#') && !Exception) { // nothing to keep
    Answer["pure"] = true;
    IsGood = false;
  }
  return Answer;
}

json::Object Inputs::call(StringRef Function, const json::Object &Request) {
  expect(Request);
  json::Object Answer{{"diagnostics", ""}, {"compiled", true}};
  Error E = Engine.call(Function);
  IsGood = !E;
  if (E)
    Answer["error"] = toString(std::move(E));
  tellResult(Answer);
  return Answer;
}

json::Object Inputs::failure() {
  json::Object Answer{{"diagnostics", json::fixUTF8(Compiler.takeDiagnostics())}, {"compiled", false}};
  json::Object Wanted = Again.wanted();
  for (auto [From, To] : Captures.surplus())
    Wanted.getArray("drop")->push_back(json::Array{static_cast<int64_t>(From), static_cast<int64_t>(To)});
  Answer["again"] = std::move(Wanted);
  Answer["clash"] = Again.isStuck();
  return Answer;
}

// What an input is to show, and what it may take.
void Inputs::expect(const json::Object &Request) {
  Form As = StringSwitch<Form>(Request.getString("form").value_or(""))
                .Case("display", Form::Display)
                .Case("node", Form::Node)
                .Default(Form::Text);
  std::vector<char> Bytes;
  if (auto Data = Request.getString("data"))
    consumeError(decodeBase64(*Data, Bytes));
  Values.expect(As, std::string(Bytes.begin(), Bytes.end()));
  MayBePure = Request.getBoolean("look").value_or(false);
  MustBePure = Request.getBoolean("pure").value_or(false);
  Exception.reset();
  Captures.begin();
}

// Empty: it compiles, and is what it must be.
json::Object Inputs::tryInCopy(StringRef Source, const json::Object &Changes) {
  return objectInCopy([&] {
    if (!Compiler.compile(Again.apply(Changes, Source)))
      return failure();
    if (MustBePure && (!Values.isPure() || Source.contains('#')))
      return json::Object{{"diagnostics", "error: this may have effects\n"}, {"compiled", false}};
    return json::Object();
  });
}

// With names as people write them.
static std::string readable(StringRef Message) {
  std::string Text;
  while (!Message.empty()) {
    size_t Name = std::min(Message.find("_Z"), Message.size());
    Text += Message.take_front(Name);
    Message = Message.drop_front(Name);
    StringRef Mangled =
        Message.take_while([](char Each) { return isAlnum(Each) || Each == '_' || Each == '$'; });
    Text += demangle(Mangled);
    Message = Message.drop_front(Mangled.size());
  }
  return Text;
}

void Inputs::tellLink(json::Object &Answer, Error Failure) {
  if (Failure)
    Answer["error"] = readable(toString(std::move(Failure))) + Libraries.takeHints();
  else
    Answer["diagnostics"] = Answer.getString("diagnostics")->str() + Libraries.takeNotes();
  if (auto Missed = Libraries.missed())
    Answer["missed"] = std::move(*Missed);
  for (const auto &[Old, New] : Again.takeReplaced())
    if (Error E = IsGood ? Engine.redirect(Old, New) : Error::success())
      Answer["diagnostics"] = Answer.getString("diagnostics")->str() +
                              "note: earlier code goes on calling the old " + demangle(Old) + ": " +
                              toString(std::move(E)) + "\n";
}

void Inputs::tellResult(json::Object &Answer) {
  if (Exception)
    Answer["exception"] =
        json::Object{{"type", json::fixUTF8(Exception->Type)}, {"what", json::fixUTF8(Exception->What)}};
  auto Value = Values.take();
  if (!Value)
    return;
  json::Object Shown{{"type", json::fixUTF8(Value->Type)}, {"text", json::fixUTF8(Value->Text)}};
  if (!Value->Node.empty())
    Shown["node"] = encodeBase64(Value->Node);
  json::Array Pictures;
  for (halo::Values::Picture &Each : Value->Pictures)
    Pictures.push_back(json::Object{{"mime", json::fixUTF8(Each.Mime)}, {"data", encodeBase64(Each.Data)}});
  if (!Pictures.empty())
    Shown["pictures"] = std::move(Pictures);
  Answer["value"] = std::move(Shown);
}

} // namespace halo
