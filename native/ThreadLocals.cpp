#include "ThreadLocals.h"

#include "llvm/IR/Constants.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/IR/ReplaceConstant.h"

#include <optional>

using namespace llvm;

namespace halo {
namespace {

std::optional<int64_t> offsetOf(ArrayRef<Candidate> Candidates, const TlsOffsets &Offsets) {
  for (const Candidate &C : Candidates)
    if (auto At = Offsets.find(C); At != Offsets.end())
      return At->second;
  return std::nullopt;
}

FunctionCallee declareAccessor(Module &M, const std::string &Name) {
  FunctionCallee Callee =
      M.getOrInsertFunction(Name, FunctionType::get(PointerType::getUnqual(M.getContext()), false));
  auto *F = cast<Function>(Callee.getCallee());
  // The same address for as long as a function runs on its thread.
  F->setDoesNotAccessMemory();
  F->setDoesNotThrow();
  F->setWillReturn();
  return Callee;
}

} // namespace

void replaceThreadLocal(const Image &I, GlobalVariable &V, const TlsOffsets &Offsets,
                        std::map<std::string, std::vector<Candidate>> &Accessors) {
  Module &M = *V.getParent();
  ArrayRef<Candidate> Candidates = I.candidates(V.getName());
  std::optional<int64_t> Offset = offsetOf(Candidates, Offsets);
  std::string Name = V.getName().str() + ".tls";

  auto AddressAt = [&](Instruction *Before) -> Value * {
    IRBuilder<> B(Before);
    if (!Offset)
      return B.CreateCall(declareAccessor(M, Name));
    Value *Base = B.CreateIntrinsic(Intrinsic::thread_pointer, {B.getPtrTy()}, {});
    return B.CreateGEP(B.getInt8Ty(), Base, B.getInt64(*Offset));
  };

  convertUsersOfConstantsToInstructions({&V});
  for (Use &U : make_early_inc_range(V.uses())) {
    auto *User = dyn_cast<Instruction>(U.getUser());
    if (!User)
      continue;
    if (auto *Call = dyn_cast<IntrinsicInst>(User);
        Call && Call->getIntrinsicID() == Intrinsic::threadlocal_address) {
      Call->replaceAllUsesWith(AddressAt(Call));
      Call->eraseFromParent();
    } else if (auto *Phi = dyn_cast<PHINode>(User)) {
      // Equal incoming blocks must have equal values: set all of them at once.
      BasicBlock *From = Phi->getIncomingBlock(U);
      Value *Address = AddressAt(From->getTerminator());
      for (unsigned N = 0; N < Phi->getNumIncomingValues(); ++N)
        if (Phi->getIncomingBlock(N) == From)
          Phi->setIncomingValue(N, Address);
    } else {
      U.set(AddressAt(User));
    }
  }
  if (!Offset && M.getFunction(Name))
    Accessors[Name] = Candidates.vec();
}

} // namespace halo
