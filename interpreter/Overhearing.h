// Overhearing: hears what clang says on its way to the user.
#ifndef HALO_INTERPRETER_OVERHEARING_H
#define HALO_INTERPRETER_OVERHEARING_H

#include "clang/Basic/Diagnostic.h"
#include "clang/Frontend/CompilerInstance.h"

#include <memory>

namespace halo {

class Overhearing : public clang::DiagnosticConsumer {
public:
  // Of.getDiagnostics() owns it; its client until now is told all.
  template <class T, class... Arguments> static void attach(clang::CompilerInstance &Of, Arguments &&...Own) {
    auto *Hears = new T(std::forward<Arguments>(Own)...);
    Hears->Next = Of.getDiagnostics().takeClient();
    Of.getDiagnostics().setClient(Hears, /*ShouldOwnClient=*/true);
  }

  void BeginSourceFile(const clang::LangOptions &Options, const clang::Preprocessor *P) override {
    Next->BeginSourceFile(Options, P);
  }
  void EndSourceFile() override { Next->EndSourceFile(); }
  void clear() override {
    DiagnosticConsumer::clear();
    Next->clear();
  }
  bool IncludeInDiagnosticCounts() const override { return Next->IncludeInDiagnosticCounts(); }

  void HandleDiagnostic(clang::DiagnosticsEngine::Level Level, const clang::Diagnostic &Info) final {
    DiagnosticConsumer::HandleDiagnostic(Level, Info);
    hear(Level, Info);
    Next->HandleDiagnostic(Level, Info);
  }

private:
  virtual void hear(clang::DiagnosticsEngine::Level Level, const clang::Diagnostic &Info) = 0;

  std::unique_ptr<clang::DiagnosticConsumer> Next;
};

} // namespace halo

#endif
