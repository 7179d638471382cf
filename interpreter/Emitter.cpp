#include "Emitter.h"

#include "llvm/Analysis/RuntimeLibcallInfo.h"
#include "llvm/CodeGen/LibcallLoweringInfo.h"
#include "llvm/IR/DiagnosticHandler.h"
#include "llvm/IR/DiagnosticInfo.h"
#include "llvm/IR/DiagnosticPrinter.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/Support/SmallVectorMemoryBuffer.h"

using namespace llvm;

namespace halo {
namespace {

// What LLVM says while it makes code, of inline assembly above all: its own handler ends the process.
class Complaints final : public DiagnosticHandler {
public:
  explicit Complaints(std::string &To) : To(To) {}
  bool handleDiagnostics(const DiagnosticInfo &Info) override {
    if (Info.getSeverity() != DS_Error)
      return true;
    raw_string_ostream Out(To);
    DiagnosticPrinterRawOStream Printer(Out);
    Out << (To.empty() ? "" : "; ");
    Info.print(Printer);
    return true;
  }

private:
  std::string &To;
};

// LLVM empties this table after each module: 64 places of some kilobytes, each of them on pages of its
// own, which a process that has just been frozen must copy. What it holds depends on the machine alone.
class LibraryFunctions final : public LibcallLoweringInfoWrapper {
public:
  void releaseMemory() override {}
};

} // namespace

struct Emitter::Pipeline {
  SmallVector<char, 0> Bytes;
  raw_svector_ostream Stream{Bytes};
  legacy::PassManager Passes;
};

Emitter::Emitter(TargetMachine &Machine) : Machine(Machine) {}

Emitter::~Emitter() = default;

Expected<std::unique_ptr<MemoryBuffer>> Emitter::emit(Module &M) {
  if (!Kept) {
    auto Made = std::make_unique<Pipeline>();
    const TargetOptions &Options = Machine.Options;
    Made->Passes.add(new RuntimeLibraryInfoWrapper(Machine.getTargetTriple(), Options.ExceptionModel,
                                                   Options.FloatABIType, Options.EABIVersion,
                                                   Options.MCOptions.ABIName, Options.VecLib));
    Made->Passes.add(new LibraryFunctions);
    MCContext *Context;
    if (Machine.addPassesToEmitMC(Made->Passes, Context, Made->Stream))
      return createStringError("this processor's code cannot be made here");
    Kept = std::move(Made);
  }
  std::string Complaint;
  M.getContext().setDiagnosticHandler(std::make_unique<Complaints>(Complaint));
  Kept->Passes.run(M);
  M.getContext().setDiagnosticHandler(std::make_unique<DiagnosticHandler>());
  if (!Complaint.empty()) {
    Kept.reset(); // whatever it has left half done
    return createStringError(Complaint);
  }
  auto Object = std::make_unique<SmallVectorMemoryBuffer>(std::move(Kept->Bytes),
                                                          M.getModuleIdentifier() + "-jitted-objectbuffer",
                                                          /*RequiresNullTerminator=*/false);
  Kept->Bytes.clear();
  return Object;
}

} // namespace halo
