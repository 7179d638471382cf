// bind_module: the extension's name, its exceptions, and facts about this machine.
#include "Pipeline.h"
#include "bind.h"

#include "llvm/Config/llvm-config.h"

#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>

#include <map>

namespace nb = nanobind;
using namespace nb::literals;

namespace halo::bind {
namespace {

std::map<Fault, PyObject *> Classes; // owned by the module, which is never unloaded

void addException(nb::module_ &Module, Fault Kind, const char *Name, PyObject *Base, const char *Doc) {
  std::string Full = std::string("halojit._native.") + Name;
  PyObject *Class = PyErr_NewExceptionWithDoc(Full.c_str(), Doc, Base, nullptr);
  if (!Class)
    throw nb::python_error();
  Classes[Kind] = Class;
  Module.attr(Name) = nb::borrow(Class);
}

} // namespace

void raise(Fault Kind, const std::string &Message) {
  nb::object Text =
      nb::steal(PyUnicode_DecodeUTF8(Message.data(), static_cast<Py_ssize_t>(Message.size()), "replace"));
  PyErr_SetObject(Classes.at(Kind), Text.ptr());
  throw nb::python_error();
}

} // namespace halo::bind

NB_MODULE(_native, M) {
  using namespace halo::bind;
  M.doc() = "LLVM 22 for Python: conversion only; no policy lives here.";
  nb::set_leak_warnings(false);
  addException(M, Fault::LLVM, "LLVMError", PyExc_RuntimeError, "An llvm::Error, with its message.");
  PyObject *Base = M.attr("LLVMError").ptr();
  addException(M, Fault::Bitcode, "BitcodeError", Base,
               "A `halo_bitcode` section that is corrupt, truncated, or written by another LLVM.");
  addException(M, Fault::Link, "LinkError", Base,
               "An object could not be linked into the process: what was undefined or out of reach.");
  addException(M, Fault::Disconnected, "DisconnectedError", Base, "The executor's connection is gone.");

  M.def("llvm_version", [] { return std::string(LLVM_VERSION_STRING); });
  M.def(
      "host_cpu", [] { return std::pair(halo::hostCpu(), halo::hostFeatures()); },
      "LLVM's name of this machine's CPU and its features as a \"+a,-b\" string.");
  addImage(M);
  addSession(M);
}
