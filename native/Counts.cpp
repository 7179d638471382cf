#include "Counts.h"

#include "Region.h"

#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/ProfileData/InstrProf.h"
#include "llvm/ProfileData/InstrProfWriter.h"
#include "llvm/Support/VirtualFileSystem.h"
#include "llvm/Transforms/Instrumentation/PGOInstrumentation.h"

#include <map>

using namespace llvm;

namespace halo {
namespace {

constexpr unsigned TargetsPerSite = 4;
constexpr StringLiteral ProfilePath = "/profile";

GlobalVariable *createArray(Module &M, ArrayType *Ty, const Twine &Name) {
  auto *V = new GlobalVariable(M, Ty, false, GlobalValue::ExternalLinkage, Constant::getNullValue(Ty), Name);
  V->setVisibility(GlobalValue::HiddenVisibility);
  V->setDSOLocal(true);
  V->setAlignment(Align(8));
  return V;
}

// void note(row, address): counts the call in the row's entry of that address, or in an empty one.
Function *createNote(Module &M) {
  LLVMContext &C = M.getContext();
  IRBuilder<> B(C);
  auto *F = Function::Create(FunctionType::get(B.getVoidTy(), {B.getPtrTy(), B.getInt64Ty()}, false),
                             GlobalValue::InternalLinkage, "halo.note", M);
  F->addFnAttr(Attribute::NoInline);
  F->setDoesNotThrow();
  Value *Row = F->getArg(0), *Address = F->getArg(1);
  auto *Leave = BasicBlock::Create(C, "leave", F);
  auto *At = BasicBlock::Create(C, "", F, Leave);
  for (unsigned N = 0; N < TargetsPerSite; ++N) {
    auto *Empty = BasicBlock::Create(C, "", F, Leave), *Hit = BasicBlock::Create(C, "", F, Leave);
    auto *Claim = BasicBlock::Create(C, "", F, Leave);
    auto *Next = N + 1 < TargetsPerSite ? BasicBlock::Create(C, "", F, Leave) : Leave;
    B.SetInsertPoint(At);
    Value *Slot = B.CreateConstInBoundsGEP1_64(B.getInt64Ty(), Row, uint64_t(2) * N);
    Value *Calls = B.CreateConstInBoundsGEP1_64(B.getInt64Ty(), Row, uint64_t(2) * N + 1);
    Value *Seen = B.CreateLoad(B.getInt64Ty(), Slot);
    B.CreateCondBr(B.CreateICmpEQ(Seen, Address), Hit, Empty);
    B.SetInsertPoint(Empty);
    B.CreateCondBr(B.CreateIsNull(Seen), Claim, Next);
    B.SetInsertPoint(Claim);
    B.CreateStore(Address, Slot);
    B.CreateBr(Hit);
    B.SetInsertPoint(Hit);
    B.CreateStore(B.CreateAdd(B.CreateLoad(B.getInt64Ty(), Calls), B.getInt64(1)), Calls);
    B.CreateBr(Leave);
    At = Next;
  }
  B.SetInsertPoint(Leave);
  B.CreateRetVoid();
  return F;
}

struct Found {
  SmallVector<InstrProfIncrementInst *, 16> Increments;
  SmallVector<InstrProfValueProfileInst *, 4> Calls;
  SmallVector<Instruction *, 4> Others;
};

Found findIn(Function &F) {
  Found Result;
  for (Instruction &I : instructions(F))
    if (auto *Increment = dyn_cast<InstrProfIncrementInst>(&I))
      Result.Increments.push_back(Increment);
    else if (auto *Value = dyn_cast<InstrProfValueProfileInst>(&I);
             Value && Value->getValueKind()->getZExtValue() == IPVK_IndirectCallTarget)
      Result.Calls.push_back(Value);
    else if (isa<InstrProfInstBase>(I))
      Result.Others.push_back(&I);
  return Result;
}

Counters lower(Function &F, Found &At, Function *&Note) {
  Module &M = *F.getParent();
  Type *Word = Type::getInt64Ty(M.getContext());
  Counters Result;
  StringRef Name = F.getName();
  Name.consume_back(copyName(""));
  Result.Name = Name.str();
  Result.Hash = At.Increments.front()->getHash()->getZExtValue();
  Result.Count = At.Increments.front()->getNumCounters()->getZExtValue();
  auto *Counts = createArray(M, ArrayType::get(Word, Result.Count), F.getName() + ".counts");
  Result.Symbol = Counts->getName().str();
  for (InstrProfIncrementInst *I : At.Increments) {
    IRBuilder<> B(I);
    Value *Slot =
        B.CreateConstInBoundsGEP2_64(Counts->getValueType(), Counts, 0, I->getIndex()->getZExtValue());
    B.CreateStore(B.CreateAdd(B.CreateLoad(Word, Slot), I->getStep()), Slot);
    I->eraseFromParent();
  }
  if (At.Calls.empty())
    return Result;

  for (InstrProfValueProfileInst *I : At.Calls)
    Result.Sites = std::max<unsigned>(Result.Sites, I->getIndex()->getZExtValue() + 1);
  auto *Table = createArray(M, ArrayType::get(ArrayType::get(Word, 2 * TargetsPerSite), Result.Sites),
                            F.getName() + ".targets");
  Result.Targets = Table->getName().str();
  if (!Note)
    Note = createNote(M);
  for (InstrProfValueProfileInst *I : At.Calls) {
    IRBuilder<> B(I);
    Value *Row = B.CreateConstInBoundsGEP2_64(Table->getValueType(), Table, 0, I->getIndex()->getZExtValue());
    B.CreateCall(Note, {Row, I->getTargetValue()});
    I->eraseFromParent();
  }
  return Result;
}

std::unique_ptr<MemoryBuffer> writeProfile(const Module &M, ArrayRef<FunctionProfile> Profile) {
  InstrProfWriter Writer;
  cantFail(Writer.mergeProfileKind(InstrProfKind::IRInstrumentation));
  std::map<std::string, bool> IsWritten; // a record that comes twice would be added up
  for (const FunctionProfile &P : Profile) {
    const Function *F = M.getFunction(copyName(P.Name));
    if (!F || P.Counts.empty() || std::exchange(IsWritten[P.Name], true))
      continue;
    std::string Name = getIRPGOFuncName(*F); // the record only refers to it
    NamedInstrProfRecord Record(Name, P.Hash, P.Counts);
    Record.reserveSites(IPVK_IndirectCallTarget, P.Targets.size());
    for (const auto &[Site, Targets] : enumerate(P.Targets)) {
      SmallVector<InstrProfValueData, TargetsPerSite> Values;
      for (const auto &[Name, Calls] : Targets)
        if (const Function *Target = M.getFunction(Name))
          Values.push_back({IndexedInstrProf::ComputeHash(getIRPGOFuncName(*Target)), Calls});
      Record.addValueData(IPVK_IndirectCallTarget, Site, Values, nullptr);
    }
    Writer.addRecord(std::move(Record), [](Error E) { consumeError(std::move(E)); });
  }
  return IsWritten.empty() ? nullptr : Writer.writeBuffer();
}

} // namespace

void addCounting(ModulePassManager &Passes, const Module &M, const Counting &How) {
  if (How.IsWanted) {
    Passes.addPass(PGOInstrumentationGen());
    return;
  }
  auto Profile = writeProfile(M, How.Profile);
  if (!Profile)
    return;
  auto Files = makeIntrusiveRefCnt<vfs::InMemoryFileSystem>();
  Files->addFile(ProfilePath, 0, std::move(Profile));
  Passes.addPass(PGOInstrumentationUse(ProfilePath.str(), "", /*IsCS=*/false, Files));
  Passes.addPass(PGOIndirectCallPromotion(/*IsInLTO=*/false, /*SamplePGO=*/false));
}

std::vector<Counters> lowerCounters(Module &M) {
  std::vector<Counters> Result;
  Function *Note = nullptr;
  SmallVector<Function *, 32> Functions(make_pointer_range(M));
  for (Function *F : Functions) {
    Found At = findIn(*F);
    for (Instruction *I : At.Others)
      I->eraseFromParent();
    if (F->hasAvailableExternallyLinkage() || At.Increments.empty()) {
      for (Instruction *I : At.Increments)
        I->eraseFromParent();
      for (Instruction *I : At.Calls)
        I->eraseFromParent();
      continue;
    }
    Result.push_back(lower(*F, At, Note));
  }
  // Names and a format's version for the library that is not there.
  for (GlobalVariable &V : make_early_inc_range(M.globals())) {
    V.removeDeadConstantUsers();
    if ((V.getName().starts_with(getInstrProfNameVarPrefix()) ||
         V.getName() == INSTR_PROF_QUOTE(INSTR_PROF_RAW_VERSION_VAR)) &&
        V.use_empty())
      V.eraseFromParent();
  }
  return Result;
}

} // namespace halo
