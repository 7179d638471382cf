// bind_session: Session for Python.
//
// Callbacks run on the wire's thread (or the caller's, when LLVM knows the answer at once) with the
// GIL held; what they raise is reported as unraisable. When the interpreter exits, sessions that
// are still open are closed first, while their threads may still take the GIL.
#include "Session.h"
#include "bind.h"

#include <nanobind/stl/map.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>

#include <atomic>
#include <mutex>
#include <set>

namespace nb = nanobind;
using namespace nb::literals;

namespace halo::bind {
namespace {

std::atomic<bool> IsExiting{false};

// A Python callable that may be called, moved and dropped on any thread.
class Callback {
public:
  explicit Callback(nb::object Callable) : Callable(std::move(Callable)) {}
  Callback(Callback &&) = default;
  Callback &operator=(Callback &&) = delete;
  ~Callback() {
    if (!Callable.is_valid())
      return;
    if (IsExiting) { // nobody may touch the interpreter any more
      Callable.release();
      return;
    }
    nb::gil_scoped_acquire Held;
    Callable.reset();
  }

  // Call must convert its arguments itself, under the GIL. False: it raised, or it is too late.
  template <typename FnT> bool operator()(FnT &&Call) {
    if (IsExiting)
      return false;
    nb::gil_scoped_acquire Held;
    try {
      Call(Callable);
      return true;
    } catch (nb::python_error &E) {
      E.discard_as_unraisable(Callable);
    } catch (std::exception &E) {
      PyErr_SetString(PyExc_RuntimeError, E.what());
      PyErr_WriteUnraisable(Callable.ptr());
    }
    return false;
  }

private:
  nb::object Callable;
};

nb::object text(const std::string &Bytes) {
  return nb::steal(PyUnicode_DecodeUTF8(Bytes.data(), static_cast<Py_ssize_t>(Bytes.size()), "replace"));
}

// Every live session, for the end of the interpreter.
std::mutex OpenMutex;
std::set<Session *> Open;

class PySession {
public:
  PySession(int Descriptor, nb::object Closed) {
    auto Result = [&, Call = Callback(std::move(Closed))]() mutable {
      nb::gil_scoped_release Released;
      return Session::open(Descriptor, [Call = std::move(Call)](const std::string &Reason) mutable {
        Call([&](nb::object &F) { F(text(Reason)); });
      });
    }();
    Inner = unwrap(std::move(Result));
    std::lock_guard Lock(OpenMutex);
    Open.insert(Inner.get());
  }

  ~PySession() {
    {
      std::lock_guard Lock(OpenMutex);
      Open.erase(Inner.get());
    }
    nb::gil_scoped_release Released;
    Inner.reset();
  }

  Session &open() {
    if (!Inner->isOpen())
      raise(Fault::Disconnected, "the connection is closed");
    return *Inner;
  }

  std::unique_ptr<Session> Inner;
};

void call(PySession &Self, uint64_t Address, nb::bytes Arguments, nb::object Done) {
  Session &S = Self.open();
  llvm::ArrayRef Bytes(static_cast<const char *>(Arguments.data()), Arguments.size());
  Callback Call(std::move(Done));
  nb::gil_scoped_release Released;
  S.call(Address, Bytes, [Call = std::move(Call)](llvm::Expected<llvm::ArrayRef<char>> Result) mutable {
    if (!Result) {
      std::string Why = llvm::toString(Result.takeError());
      Call([&](nb::object &F) { F(nb::none(), text(Why)); });
    } else {
      Call([&](nb::object &F) { F(nb::bytes(Result->data(), Result->size()), ""); });
    }
  });
}

void link(PySession &Self, nb::bytes Data, nb::object Symbols, uint64_t Arena, nb::object Done,
          bool IsDebug) {
  Session &S = Self.open();
  std::map<std::string, uint64_t> Given;
  for (nb::handle Item : nb::iter(Symbols.attr("items")()))
    Given.insert(nb::cast<std::pair<std::string, uint64_t>>(Item));
  llvm::StringRef Bytes(static_cast<const char *>(Data.data()), Data.size());
  std::string Failure;
  Callback Call(std::move(Done));
  {
    nb::gil_scoped_release Released;
    llvm::Error E = S.link(Bytes, Given, Arena, IsDebug,
                           [Call = std::move(Call)](llvm::Expected<LinkMap> Result) mutable {
                             if (!Result) {
                               std::string Why = llvm::toString(Result.takeError());
                               Call([&](nb::object &F) { F(nb::none(), text(Why)); });
                             } else {
                               Call([&](nb::object &F) { F(nb::cast(*Result), ""); });
                             }
                           });
    Failure = llvm::toString(std::move(E));
  }
  if (!Failure.empty())
    raise(Fault::Link, Failure);
}

void onCall(PySession &Self, const std::string &Name, nb::object Handler) {
  Session &S = Self.open();
  std::string Failure;
  Callback Call(std::move(Handler));
  {
    nb::gil_scoped_release Released;
    llvm::Error E = S.serve(
        Name,
        [Call = std::move(Call)](llvm::ArrayRef<char> Arguments) mutable -> llvm::Expected<std::string> {
          std::string Result;
          bool IsServed = Call([&](nb::object &F) {
            nb::bytes Bytes = nb::cast<nb::bytes>(F(nb::bytes(Arguments.data(), Arguments.size())));
            Result.assign(static_cast<const char *>(Bytes.data()), Bytes.size());
          });
          if (!IsServed)
            return llvm::createStringError("the handler failed");
          return Result;
        });
    Failure = llvm::toString(std::move(E));
  }
  if (!Failure.empty())
    raise(Fault::LLVM, Failure);
}

void closeAll() {
  {
    nb::gil_scoped_release Released;
    std::lock_guard Lock(OpenMutex);
    for (Session *S : Open)
      S->close();
    for (Session *S : Open)
      S->waitClosed();
  }
  IsExiting = true;
}

} // namespace

void addSession(nb::module_ &Module) {
  nb::class_<PySession>(Module, "Session",
                        "LLVM's SimpleRemoteEPC and JITLink over one connected descriptor.")
      .def(nb::init<int, nb::object>(), "descriptor"_a, "closed"_a)
      .def_prop_ro("triple", [](const PySession &S) { return S.Inner->triple(); })
      .def_prop_ro("page_bytes", [](const PySession &S) { return S.Inner->pageBytes(); })
      .def_prop_ro("symbols", [](const PySession &S) { return S.Inner->symbols(); })
      .def("call", &call, "address"_a, "arguments"_a, "done"_a)
      .def("link", &link, "data"_a, "symbols"_a, "arena"_a, "done"_a, "debug"_a = false)
      .def("on_call", &onCall, "name"_a, "handler"_a)
      .def("close", [](PySession &S) { S.Inner->close(); }, nb::call_guard<nb::gil_scoped_release>());
  nb::module_::import_("atexit").attr("register")(nb::cpp_function(&closeAll));
}

} // namespace halo::bind
