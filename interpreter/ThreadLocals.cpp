#include "ThreadLocals.h"

#include "llvm/ExecutionEngine/Orc/CompileUtils.h"
#include "llvm/ExecutionEngine/Orc/DylibManager.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/DerivedTypes.h"
#include "llvm/Target/TargetMachine.h"

using namespace llvm;
using namespace llvm::orc;

namespace halo {

// As libgcc's control object: size, alignment, and what it keeps there; a size that none has, and the
// variable's name.
Error ThreadLocals::define(JITDylib &In, StringRef Variable) {
  LLVMContext Context;
  Module M(("thread-local " + Variable).str(), Context);
  M.setTargetTriple(Machine.getTargetTriple());
  M.setDataLayout(Machine.createDataLayout());
  Constant *Text = ConstantDataArray::getString(Context, Variable);
  auto *Name = new GlobalVariable(M, Text->getType(), /*isConstant=*/true, GlobalValue::PrivateLinkage, Text);
  Type *Word = Type::getInt64Ty(Context);
  Type *Pointer = PointerType::get(Context, 0);
  StructType *Control = StructType::get(Word, Word, Pointer, Pointer);
  new GlobalVariable(
      M, Control, /*isConstant=*/false, GlobalValue::ExternalLinkage,
      ConstantStruct::get(Control, {ConstantInt::get(Word, ~uint64_t(0)), ConstantInt::get(Word, 1),
                                    ConstantPointerNull::get(cast<PointerType>(Pointer)), Name}),
      "__emutls_v." + Variable);
  auto Object = SimpleCompiler(Machine)(M);
  if (!Object)
    return Object.takeError();
  return Jit.addObjectFile(In, std::move(*Object));
}

Error ThreadLocals::tryToGenerate(LookupState &, LookupKind, JITDylib &In, JITDylibLookupFlags,
                                  const SymbolLookupSet &Symbols) {
  ExecutionSession &Session = Jit.getExecutionSession();
  DylibManager &Libraries = Session.getExecutorProcessControl().getDylibMgr();
  for (const auto &[Symbol, Flags] : Symbols) {
    StringRef Variable = *Symbol;
    if (!Variable.consume_front("__emutls_v."))
      continue;
    auto Process = Libraries.loadDylib(nullptr);
    if (!Process)
      return Process.takeError();
    SymbolLookupSet Wanted(Session.intern(Variable), SymbolLookupFlags::WeaklyReferencedSymbol);
    DylibManager::LookupRequest Request(*Process, Wanted);
    auto Found = Libraries.lookupSymbols(Request);
    if (!Found)
      return Found.takeError();
    auto &First = Found->front().front();
    if (!First || !First->getAddress())
      continue;
    if (Error E = define(In, Variable))
      return E;
  }
  return Error::success();
}

} // namespace halo
