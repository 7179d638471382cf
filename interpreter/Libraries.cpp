#include "Libraries.h"

#include "llvm/Demangle/Demangle.h"
#include "llvm/ExecutionEngine/Orc/EPCDynamicLibrarySearchGenerator.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace llvm;
using namespace llvm::orc;
using namespace llvm::orc::shared;

namespace halo {

using SPSLibraries = SPSSequence<SPSTuple<SPSString, uint8_t>>;
using Told = std::vector<std::tuple<std::string, uint8_t>>;

constexpr size_t SearchedLimit = 1024; // of executor/libraries.c
constexpr size_t MissedLimit = 256, ListedLimit = 4;

static std::string listed(std::vector<std::string> Names, StringRef Last = " and ") {
  std::string Text;
  size_t Shown = std::min(Names.size(), ListedLimit);
  for (size_t I = 0; I < Shown; ++I)
    Text += (I == 0 ? "" : I + 1 == Names.size() ? Last : ", ").str() + Names[I];
  if (Names.size() > Shown)
    Text += (Last + std::to_string(Names.size() - Shown) + " more").str();
  return Text;
}

std::string Libraries::Library::file() const { return sys::path::filename(Path).str(); }

Expected<ExecutorAddr> Libraries::service(StringRef Name) {
  auto Found = Host.channel().symbols().find(Name.str());
  if (Found == Host.channel().symbols().end())
    return createStringError("this executor does not search libraries");
  return ExecutorAddr(Found->second);
}

// ---- by itself

// Asked last, when neither inputs nor the process define a symbol.
class Libraries::Search final : public DefinitionGenerator {
public:
  Search(Libraries &Owner, std::unique_ptr<DefinitionGenerator> Process)
      : Owner(Owner), Process(std::move(Process)) {}

  Error tryToGenerate(LookupState &State, LookupKind Kind, JITDylib &JD, JITDylibLookupFlags Flags,
                      const SymbolLookupSet &Symbols) override {
    std::vector<std::string> Required;
    for (const auto &[Name, IsRequired] : Symbols)
      if (IsRequired == SymbolLookupFlags::RequiredSymbol)
        Required.push_back((*Name).str());
    sort(Required);
    if (!Owner.search(std::move(Required)))
      return Error::success();
    return Process->tryToGenerate(State, Kind, JD, Flags, Symbols);
  }

private:
  Libraries &Owner;
  std::unique_ptr<DefinitionGenerator> Process;
};

Error Libraries::automate() {
  auto Process = EPCDynamicLibrarySearchGenerator::GetForTargetProcess(Host.session());
  if (!Process)
    return Process.takeError();
  JITDylib &Last = Host.session().createBareJITDylib("<libraries>");
  Last.addGenerator(std::make_unique<Search>(*this, std::move(*Process)));
  Host.jit().getMainJITDylib().addToLinkOrder(Last);
  return Error::success();
}

bool Libraries::search(std::vector<std::string> Symbols) {
  Symbols = unknown(std::move(Symbols));
  if (Symbols.empty())
    return false;
  if (Symbols.size() > SearchedLimit)
    Symbols.resize(SearchedLimit);
  auto Found = librariesWith(Symbols);
  if (Found)
    return choose(Symbols, *Found);
  Hints += "; libraries were not searched: " + toString(Found.takeError());
  return false;
}

// Without those that no library had, and still none has.
std::vector<std::string> Libraries::unknown(std::vector<std::string> Symbols) {
  auto IsMissed = [&](const std::string &Each) { return Missed.count(Each) != 0; };
  if (none_of(Symbols, IsMissed))
    return Symbols;
  uint64_t Then = Stamp;
  if (auto Found = librariesWith({}); !Found)
    consumeError(Found.takeError());
  else if (Stamp == Then)
    erase_if(Symbols, IsMissed);
  return Symbols;
}

Expected<std::vector<std::vector<Libraries::Library>>>
Libraries::librariesWith(const std::vector<std::string> &Symbols) {
  auto Service = service("halo_find_symbols");
  if (!Service)
    return Service.takeError();
  Expected<std::tuple<uint64_t, std::vector<Told>>> Answer(std::tuple<uint64_t, std::vector<Told>>{});
  if (Error E =
          Host.session()
              .callSPSWrapper<SPSExpected<SPSTuple<uint64_t, SPSSequence<SPSLibraries>>>(
                  SPSSequence<SPSString>, SPSSequence<SPSString>)>(*Service, Answer, Directories, Symbols))
    return joinErrors(std::move(E), Answer.takeError());
  if (!Answer)
    return Answer.takeError();
  auto &[Now, All] = *Answer;
  if (All.size() != Symbols.size())
    return createStringError("the executor answered something else than it was asked");
  if (Now != Stamp)
    Missed.clear();
  Stamp = Now;
  std::vector<std::vector<Library>> Found(All.size());
  for (size_t I = 0; I < All.size(); ++I)
    for (const auto &[Path, IsDeveloped] : All[I])
      Found[I].push_back({Path, IsDeveloped != 0});
  return Found;
}

bool Libraries::choose(const std::vector<std::string> &Symbols,
                       const std::vector<std::vector<Library>> &Found) {
  std::map<std::string, std::vector<std::string>> Chosen; // by path, what for
  std::vector<size_t> Unclear;
  for (size_t I = 0; I < Symbols.size(); ++I) {
    std::vector<Library> Best;
    copy_if(Found[I], std::back_inserter(Best), [](const Library &Each) { return Each.IsDeveloped; });
    if (Best.empty())
      Best = Found[I];
    if (Best.size() == 1)
      Chosen[Best[0].Path].push_back(demangle(Symbols[I]));
    else if (!Best.empty())
      Unclear.push_back(I);
    else if (Missed.size() < MissedLimit)
      HasMissedMore |= Missed.insert(Symbols[I]).second;
  }
  for (size_t I : Unclear) {
    // What is loaded for another symbol is the choice for this one.
    if (any_of(Found[I], [&](const Library &Each) { return Chosen.count(Each.Path) != 0; }))
      continue;
    std::vector<std::string> Files;
    for (const Library &Each : Found[I])
      Files.push_back(Each.file());
    Hints += "; " + demangle(Symbols[I]) + " is in " + listed(std::move(Files)) +
             ", and %lib NAME loads one of them";
  }
  bool IsAny = false;
  for (const auto &[Path, For] : Chosen) {
    std::string File = sys::path::filename(Path).str();
    if (Error E = open(Path)) {
      Hints += "; " + File + ", which has " + listed(For) + ", cannot be loaded: " + toString(std::move(E));
      continue;
    }
    Notes += "note: loaded " + File + " for " + listed(For) + "\n";
    IsAny = true;
  }
  return IsAny;
}

void Libraries::begin(const json::Object *Known) {
  Notes.clear();
  Hints.clear();
  HasMissedMore = false;
  const json::Array *Symbols = Known ? Known->getArray("symbols") : nullptr;
  if (!Symbols)
    return;
  uint64_t Then = static_cast<uint64_t>(Known->getInteger("stamp").value_or(0));
  if (Then != Stamp)
    Missed.clear();
  Stamp = Then;
  for (const json::Value &Each : *Symbols)
    if (auto Symbol = Each.getAsString())
      Missed.insert(Symbol->str());
}

std::optional<json::Object> Libraries::missed() {
  if (!std::exchange(HasMissedMore, false))
    return std::nullopt;
  json::Array Symbols;
  for (const std::string &Each : Missed)
    Symbols.push_back(json::fixUTF8(Each));
  return json::Object{{"stamp", static_cast<int64_t>(Stamp)}, {"symbols", std::move(Symbols)}};
}

// ---- by name

Error Libraries::open(const std::string &Path) {
  Error E = Host.session().getExecutorProcessControl().getDylibMgr().loadDylib(Path.c_str()).takeError();
  if (!E)
    Host.haveLibraries();
  return E;
}

Expected<std::vector<Libraries::Library>> Libraries::librariesNamed(StringRef Name) {
  auto Service = service("halo_find_libraries");
  if (!Service)
    return Service.takeError();
  Expected<Told> Answer(Told{});
  if (Error E = Host.session().callSPSWrapper<SPSExpected<SPSLibraries>(SPSSequence<SPSString>, SPSString)>(
          *Service, Answer, Directories, Name))
    return joinErrors(std::move(E), Answer.takeError());
  if (!Answer)
    return Answer.takeError();
  std::vector<Library> Found;
  for (const auto &[Path, IsDeveloped] : *Answer)
    Found.push_back({Path, IsDeveloped != 0});
  return Found;
}

bool Libraries::isInDirectories(const Library &L) const {
  return is_contained(Directories, sys::path::parent_path(L.Path));
}

std::optional<std::string> Libraries::findArchive(StringRef Name, ArrayRef<std::string> In) const {
  for (const std::string &Directory : In)
    for (const std::string &File : {("lib" + Name + ".a").str(), Name.str()})
      if (std::string Path = Directory + "/" + File;
          StringRef(File).ends_with(".a") && sys::fs::is_regular_file(Path))
        return Path;
  return std::nullopt;
}

Error Libraries::loadOneOf(StringRef Name, const std::vector<Library> &Found) {
  if (Found.size() == 1 || Found[0].file() == Name)
    return open(Found[0].Path);
  if (auto Best = find_if(Found, [](const Library &Each) { return Each.IsDeveloped; }); Best != Found.end())
    return open(Best->Path);
  std::vector<std::string> Files;
  for (const Library &Each : Found)
    Files.push_back(Each.file());
  return createStringError("which one? " + Name + " may be " + listed(std::move(Files), " or "));
}

Error Libraries::load(StringRef Name) {
  JITDylib &Main = Host.jit().getMainJITDylib();
  if (Name.contains('/')) {
    std::string Path = Name.str();
    return Name.ends_with(".a") ? Host.jit().linkStaticLibraryInto(Main, Path.c_str()) : open(Path);
  }
  auto Found = librariesNamed(Name);
  if (!Found)
    return Found.takeError();
  if (!Found->empty() && isInDirectories(Found->front()))
    return loadOneOf(Name, *Found);
  if (auto Archive = findArchive(Name, Directories))
    return Host.jit().linkStaticLibraryInto(Main, Archive->c_str());
  if (!Found->empty())
    return loadOneOf(Name, *Found);
  std::string Multiarch = (Host.triple().getArchName() + "-linux-gnu").str();
  if (auto Archive = findArchive(Name, {"/usr/local/lib", "/usr/lib/" + Multiarch, "/lib/" + Multiarch,
                                        "/usr/lib64", "/lib64", "/usr/lib", "/lib"}))
    return Host.jit().linkStaticLibraryInto(Main, Archive->c_str());
  if (Name.contains(".so")) // the loader may know more names than ours
    return open(Name.str());
  return createStringError("there is no lib" + Name + ".so and no lib" + Name +
                           ".a; -L DIRECTORY says where else to look, and %lib takes paths");
}

std::vector<std::string> Libraries::takeWanted(Module &M) {
  std::vector<std::string> Names;
  if (NamedMDNode *Wanted = M.getNamedMetadata("llvm.dependent-libraries")) {
    for (const MDNode *Each : Wanted->operands())
      Names.push_back(cast<MDString>(Each->getOperand(0))->getString().str());
    Wanted->eraseFromParent();
  }
  return Names;
}

Error Libraries::load(ArrayRef<std::string> Wanted) {
  for (const std::string &Name : Wanted)
    if (Error E = load(StringRef(Name)))
      return createStringError("the library " + Name + " cannot be loaded: " + toString(std::move(E)));
  return Error::success();
}

} // namespace halo
