// Diagnostics: what LLVM reports while it reads, links or emits, kept instead of printed.
//
// LLVM's default handler prints errors and exits; a library does neither. One per LLVMContext,
// which owns it. Not thread-safe, as contexts are not.
#ifndef HALO_NATIVE_DIAGNOSTICS_H
#define HALO_NATIVE_DIAGNOSTICS_H

#include "llvm/IR/DiagnosticHandler.h"
#include "llvm/IR/DiagnosticInfo.h"
#include "llvm/IR/DiagnosticPrinter.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/Support/raw_ostream.h"

#include <memory>
#include <string>
#include <utility>

namespace halo {

class Diagnostics : public llvm::DiagnosticHandler {
public:
  static Diagnostics &install(llvm::LLVMContext &Context) {
    auto Owned = std::make_unique<Diagnostics>();
    Diagnostics &Result = *Owned;
    Context.setDiagnosticHandler(std::move(Owned));
    return Result;
  }

  bool handleDiagnostics(const llvm::DiagnosticInfo &Info) override {
    if (Info.getSeverity() == llvm::DS_Error && First.empty()) {
      llvm::raw_string_ostream Out(First);
      llvm::DiagnosticPrinterRawOStream Printer(Out);
      Info.print(Printer);
      if (First.empty())
        First = "unknown error";
    }
    return true;
  }

  // The first error since the last call; empty when there was none.
  std::string take() { return std::exchange(First, {}); }

private:
  std::string First;
};

} // namespace halo

#endif
