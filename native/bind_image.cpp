// bind_image: Image, Function and Object for Python.
#include "Build.h"
#include "bind.h"

#include <nanobind/stl/map.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

namespace nb = nanobind;
using namespace nb::literals;

namespace halo::bind {
namespace {

std::unique_ptr<Image> readImage(nb::bytes Section) {
  // The bytes object is immutable and held by the caller for the duration of the call.
  llvm::ArrayRef Bytes(static_cast<const uint8_t *>(Section.data()), Section.size());
  auto Result = [&] {
    nb::gil_scoped_release Released;
    return Image::create(Bytes);
  }();
  return unwrap(std::move(Result), Fault::Bitcode);
}

void know(Image &I, nb::bytes Symbols) {
  if (llvm::Error E = I.know({static_cast<const uint8_t *>(Symbols.data()), Symbols.size()}))
    raise(Fault::LLVM, llvm::toString(std::move(E)));
}

std::vector<std::string> strings(nb::handle Sequence) {
  if (PyUnicode_Check(Sequence.ptr()))
    throw nb::type_error("roots: a sequence of names, not one name");
  std::vector<std::string> Result;
  for (nb::handle Item : nb::iter(Sequence))
    Result.push_back(nb::cast<std::string>(Item));
  return Result;
}

template <typename K, typename V> std::map<K, V> mapping(nb::handle Mapping) {
  std::map<K, V> Result;
  if (Mapping.is_none())
    return Result;
  for (nb::handle Item : nb::iter(Mapping.attr("items")())) {
    auto [Key, Value] = nb::cast<std::pair<K, V>>(Item);
    Result.emplace(std::move(Key), std::move(Value));
  }
  return Result;
}

std::vector<FunctionProfile> profile(nb::handle Sequence) {
  using Targets = decltype(FunctionProfile::Targets);
  std::vector<FunctionProfile> Result;
  if (Sequence.is_none())
    return Result;
  for (nb::handle Item : nb::iter(Sequence)) {
    auto [Name, Hash, Counts, Values] =
        nb::cast<std::tuple<std::string, uint64_t, std::vector<uint64_t>, Targets>>(Item);
    Result.push_back({std::move(Name), Hash, std::move(Counts), std::move(Values)});
  }
  return Result;
}

Object buildObject(const Image &I, nb::handle Roots, const std::string &Cpu, const std::string &Features,
                   int Level, nb::handle Options, nb::handle TlsOffsets, bool Gate, bool Instrument,
                   nb::handle Profile, nb::handle Hot, bool Recursive) {
  auto Names = strings(Roots);
  auto Knobs = mapping<std::string, std::string>(Options);
  auto Offsets = mapping<Candidate, int64_t>(TlsOffsets);
  Counting How{Instrument, profile(Profile)};
  Seen Samples{strings(Hot), Recursive};
  auto Result = [&]() -> llvm::Expected<Object> {
    nb::gil_scoped_release Released;
    auto R = Recipe::parse(Cpu, Features, Level, Knobs);
    if (!R)
      return R.takeError();
    return build(I, Names, *R, Offsets, Gate, How, Samples);
  }();
  return unwrap(std::move(Result));
}

} // namespace

void addImage(nb::module_ &Module) {
  nb::class_<FunctionFacts>(Module, "Function", "One function of an image (read-only view).")
      .def_ro("name", &FunctionFacts::Name)
      .def_ro("module", &FunctionFacts::Module)
      .def_ro("ordinal", &FunctionFacts::Ordinal)
      .def_ro("symbols", &FunctionFacts::Symbols)
      .def_ro("callees", &FunctionFacts::Callees)
      .def_ro("reaches_itself", &FunctionFacts::ReachesItself)
      .def_ro("obstacle", &FunctionFacts::Obstacle)
      .def_ro("instructions", &FunctionFacts::Instructions)
      .def("__repr__", [](const FunctionFacts &F) { return "<Function " + F.Name + ">"; });

  nb::class_<Counters>(Module, "Counters", "Where an object counts one of its functions.")
      .def_ro("name", &Counters::Name)
      .def_ro("hash", &Counters::Hash)
      .def_ro("symbol", &Counters::Symbol)
      .def_ro("count", &Counters::Count)
      .def_ro("targets", &Counters::Targets)
      .def_ro("sites", &Counters::Sites);

  nb::class_<Object>(Module, "Object", "A built region.")
      .def_prop_ro("data", [](const Object &O) { return nb::bytes(O.Data.data(), O.Data.size()); })
      .def_ro("digest", &Object::Digest)
      .def_ro("entries", &Object::Entries)
      .def_ro("gates", &Object::Gates)
      .def_ro("needs", &Object::Needs)
      .def_ro("functions", &Object::Functions)
      .def_ro("counters", &Object::Counted);

  nb::class_<Image>(Module, "Image",
                    "The modules of one image, linked, with locals made unique. Not thread-safe.")
      .def(nb::new_(&readImage), "section"_a)
      .def_prop_ro("functions",
                   [](nb::handle_t<Image> Self) {
                     nb::list Result;
                     for (const FunctionFacts &F : nb::cast<const Image &>(Self).functions())
                       Result.append(nb::cast(&F, nb::rv_policy::reference_internal, Self));
                     return Result;
                   })
      .def_prop_ro("skipped", &Image::skipped)
      .def("know", &know, "symbols"_a, "Takes the program's table: an array of struct halo_resolved.")
      .def("build", &buildObject, "roots"_a, nb::kw_only(), "cpu"_a, "features"_a, "level"_a = 3,
           "options"_a = nb::none(), "tls_offsets"_a = nb::none(), "gate"_a = true, "instrument"_a = false,
           "profile"_a = nb::none(), "hot"_a = nb::tuple(), "recursive"_a = false,
           "Extracts the region of `roots`, optimizes it for `cpu` and emits an object.");
}

} // namespace halo::bind
