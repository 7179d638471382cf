#include "Conversation.h"

#include "Completeness.h"
#include "Completion.h"
#include "Copy.h"
#include "Crash.h"
#include "Declared.h"
#include "Listing.h"
#include "Shape.h"

#include <unistd.h>

extern "C" {
#include "halo/keeper.h"
}

using namespace llvm;

namespace halo {

Conversation::Conversation(halo::Front &Front, halo::Engine &Engine, halo::Compiler &Compiler,
                           halo::Values &Values, halo::Redefinition &Again, halo::Libraries &Libraries,
                           bool HasCache)
    : Front(Front), Engine(Engine), Compiler(Compiler), Values(Values), Libraries(Libraries),
      Inputs(Engine, Compiler, Values, Again, Libraries), Warmup(Compiler, HasCache) {
  Engine.channel().Crashed = [this](ArrayRef<char> Message) {
    json::Object Told = crash(Message, this->Engine.places(), this->Compiler);
    consumeError(this->Front.send(json::Object{{"crash", std::move(Told)}}));
  };
}

Error Conversation::prepare() {
  Compiler.GaveUp = [this] { giveUp(); };
  Inputs.AwaitGo = [this] { return awaitGo(); };
  return Inputs.serve();
}

std::vector<std::pair<StringRef, Conversation::Handler>> Conversation::handlers() {
  using json::Object;
  return {
      // inputs
      {"run",
       [this](StringRef Of, const Object &Request) {
         Warmup.end();
         return unlessBroken(Inputs.run(Of, Request));
       }},
      {"call",
       [this](StringRef Of, const Object &Request) { return unlessBroken(Inputs.call(Of, Request)); }},
      {"go", [](StringRef, const Object &) { return std::nullopt; }}, // of what does not compile
      // what inputs have made
      {"declared", [this](StringRef, const Object &) { return declared(Compiler, Engine, Values); }},
      {"type", [this](StringRef Of, const Object &) { return typeOf(Compiler, Of); }},
      {"shape", [this](StringRef Of, const Object &) { return shapeOf(Compiler, Of); }},
      {"describe", [this](StringRef Of, const Object &) { return describe(Compiler, Of); }},
      {"list",
       [this](StringRef Of, const Object &Request) {
         auto Level = static_cast<unsigned>(Request.getInteger("level").value_or(0));
         return list(Compiler, Engine.triple(), Of, Level, Request.getBoolean("ir").value_or(false));
       }},
      // what might be an input
      {"complete", [this](StringRef Of, const Object &) { return isComplete(Of); }},
      {"completions",
       [this](StringRef Of, const Object &Request) {
         return complete(Compiler, Of, static_cast<size_t>(Request.getInteger("cursor").value_or(0)));
       }},
      // beginning and end
      {"load", [this](StringRef Of, const Object &) { return load(Of); }},
      {"end", [this](StringRef, const Object &) { return end(); }},
  };
}

Error Conversation::hold() {
  constexpr int IdleMilliseconds = 20, PersonMilliseconds = 2;
  for (;;) {
    while (!Warmup.isOver() && !Front.hasRequest(IdleMilliseconds))
      if (!Warmup.step())
        Compiler.takeDiagnostics(); // nobody has asked for them
    // What is read from a pipe should not wait for it.
    IsTyped = !Front.hasRequest(PersonMilliseconds);
    if (IsTyped)
      Pages.own();
    auto Request = Front.receive();
    if (!Request)
      return Request.takeError();
    if (!*Request) {
      Engine.channel().hangUp();
      return Error::success();
    }
    for (const auto &[Name, Handle] : Handlers) {
      if (!(*Request)->get(Name))
        continue;
      if (auto Answer = Handle((*Request)->getString(Name).value_or(""), **Request))
        if (Error E = Front.send(std::move(*Answer)))
          return E;
    }
    if (auto Id = (*Request)->getInteger("commit"); Id && Inputs.isGood())
      if (Error E = freeze(static_cast<uint64_t>(*Id)))
        return E;
  }
}

Error Conversation::awaitGo() {
  auto Request = Front.receive();
  if (!Request)
    return Request.takeError();
  return *Request && (*Request)->get("go") ? Error::success() : createStringError("the front has hung up");
}

// This process is given up when the channel is broken. How the executor ended, if it has, is its
// keeper's to tell.
json::Object Conversation::unlessBroken(json::Object Answer) {
  if (Engine.channel().isBroken())
    return json::Object{{"broken", json::fixUTF8(Answer.getString("error").value_or(""))}};
  return Answer;
}

json::Object Conversation::isComplete(StringRef Text) {
  static constexpr const char *Names[] = {"complete", "incomplete", "invalid"};
  Progress Found = completeness(Compiler, Text);
  return json::Object{{"state", Names[static_cast<int>(Found.State)]}, {"depth", Found.Depth}};
}

// Before the first input: there is nothing to go back to.
json::Object Conversation::load(StringRef Library) {
  if (Error E = Libraries.load(Library))
    return json::Object{{"error", toString(std::move(E))}};
  return json::Object();
}

std::optional<json::Object> Conversation::end() {
  Error E = Engine.end();
  json::Object Answer{{"ended", E ? toString(std::move(E)) : ""}};
  if (Engine.channel().isBroken())
    return std::nullopt;
  return Answer;
}

// The executor first: what it has done is what we know of.
Error Conversation::freeze(uint64_t Id) {
  auto Threads = Engine.freeze(Id);
  if (!Threads)
    return Front.send(json::Object{{"unfrozen", toString(Threads.takeError())}});
  if (*Threads != 1)
    return Front.send(json::Object{{"threads", *Threads}});
  if (IsTyped)
    Pages.note();
  int Descriptors[HALO_KEEPER_DESCRIPTORS];
  size_t Count;
  int Status = halo_keeper_freeze(Id, nullptr, Descriptors, &Count);
  if (Status < 0)
    return Front.send(
        json::Object{{"unfrozen", "this process cannot be copied: error " + std::to_string(-Status)}});
  if (Status == 0)
    return Error::success();
  if (Count != 2)
    return createStringError("thawed without connections");
  Front.reconnect(Descriptors[0]);
  Engine.channel().reconnect(Descriptors[1]);
  return Error::success();
}

// This process is given up for what it says here.
void Conversation::giveUp() {
  json::Object Answer = Inputs.failure();
  if (isCopy()) {
    std::string Line;
    raw_string_ostream(Line) << json::Value(std::move(Answer));
    leaveCopy(Line);
  }
  consumeError(Front.send(std::move(Answer)));
  for (;;)
    pause();
}

} // namespace halo
