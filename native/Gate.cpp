#include "Gate.h"

#include "halo/gate.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/InlineAsm.h"
#include "llvm/IR/IntrinsicsX86.h"
#include "llvm/IR/Module.h"

#include <cstddef>

using namespace llvm;

namespace halo {
namespace {

class GateBuilder {
public:
  explicit GateBuilder(Function &Root) : Root(Root), M(*Root.getParent()), B(Root.getContext()) {
    Gate = Function::Create(Root.getFunctionType(), GlobalValue::ExternalLinkage, Root.getAddressSpace(),
                            Root.getName() + ".gate", &M);
    Gate->setVisibility(GlobalValue::HiddenVisibility);
    Gate->setDSOLocal(true);
    Gate->setCallingConv(Root.getCallingConv());
    setAttributes();
    auto *Block = ArrayType::get(B.getInt8Ty(), sizeof(halo_gate_control));
    Control = new GlobalVariable(M, Block, false, GlobalValue::ExternalLinkage,
                                 ConstantAggregateZero::get(Block), Root.getName() + ".control");
    Control->setAlignment(Align(64));
    Control->setVisibility(GlobalValue::HiddenVisibility);
    Control->setDSOLocal(true);
  }

  std::pair<std::string, std::string> build() {
    auto Block = [&](const char *Name) { return BasicBlock::Create(B.getContext(), Name, Gate); };
    BasicBlock *Entry = Block("entry"), *Variant = Block("variant"), *Original = Block("original");
    BasicBlock *After = Block("after"), *Count = Block("count"), *Exit = Block("exit");

    B.SetInsertPoint(Entry);
    Value *Word = loadWord();
    Value *Side = B.CreateAnd(Word, 1);
    Value *Begin = clock().first;
    B.CreateCondBr(B.CreateTrunc(Side, B.getInt1Ty()), Variant, Original);

    B.SetInsertPoint(Variant);
    CallInst *ByVariant = call(&Root);
    B.CreateBr(After);
    B.SetInsertPoint(Original);
    CallInst *ByOriginal = call(B.CreateLoad(B.getPtrTy(), at(offsetof(halo_gate_control, original))));
    ByOriginal->addFnAttr(Attribute::NoCfCheck); // not the entry: there is no landing mark
    B.CreateBr(After);

    B.SetInsertPoint(After);
    PHINode *Result = nullptr;
    if (!Root.getReturnType()->isVoidTy()) {
      Result = B.CreatePHI(Root.getReturnType(), 2);
      Result->addIncoming(ByVariant, Variant);
      Result->addIncoming(ByOriginal, Original);
    }
    auto [End, Cpu] = clock();
    B.CreateCondBr(B.CreateICmpEQ(loadWord(), Word), Count, Exit);

    B.SetInsertPoint(Count);
    Value *Line = B.CreateMul(B.CreateAnd(Cpu, HALO_GATE_LINES - 1), B.getInt64(sizeof(halo_gate_line)));
    Value *Counter = B.CreateAdd(Line, B.CreateShl(Side, 3)); // ticks[side]
    size_t Lines = offsetof(halo_gate_control, line);
    add(Counter, Lines + offsetof(halo_gate_line, ticks), B.CreateSub(End, Begin));
    add(Counter, Lines + offsetof(halo_gate_line, calls), B.getInt64(1));
    B.CreateBr(Exit);

    B.SetInsertPoint(Exit);
    Result ? B.CreateRet(Result) : B.CreateRetVoid();
    return {Gate->getName().str(), Control->getName().str()};
  }

private:
  // Parameters are passed as the root's; of the root's promises about memory none holds here.
  void setAttributes() {
    AttributeList Of = Root.getAttributes();
    SmallVector<AttributeSet, 8> Parameters;
    for (unsigned P = 0; P < Root.arg_size(); ++P)
      Parameters.push_back(Of.getParamAttrs(P));
    Passing = AttributeList::get(B.getContext(), AttributeSet(), Of.getRetAttrs(), Parameters);
    AttrBuilder Own(B.getContext());
    for (StringRef Key : {"target-cpu", "target-features", "frame-pointer", "probe-stack"})
      if (Root.hasFnAttribute(Key))
        Own.addAttribute(Root.getFnAttribute(Key));
    Own.addUWTableAttr(UWTableKind::Async);
    if (Root.doesNotThrow())
      Own.addAttribute(Attribute::NoUnwind);
    Gate->setAttributes(Passing.addFnAttributes(B.getContext(), Own));
  }

  CallInst *call(Value *Callee) {
    SmallVector<Value *, 8> Arguments(make_pointer_range(Gate->args()));
    CallInst *Call = B.CreateCall(Root.getFunctionType(), Callee, Arguments);
    Call->setCallingConv(Root.getCallingConv());
    Call->setAttributes(Passing);
    Call->addFnAttr(Attribute::NoInline);
    return Call;
  }

  Value *at(size_t Offset) { return B.CreateConstInBoundsGEP1_64(B.getInt8Ty(), Control, Offset); }

  Value *loadWord() {
    LoadInst *Word = B.CreateAlignedLoad(B.getInt64Ty(), at(offsetof(halo_gate_control, word)), Align(8));
    Word->setAtomic(AtomicOrdering::Monotonic);
    return Word;
  }

  void add(Value *Counter, size_t Offset, Value *Amount) {
    Value *Where = B.CreateInBoundsGEP(B.getInt8Ty(), at(Offset), Counter);
    B.CreateAtomicRMW(AtomicRMWInst::Add, Where, Amount, Align(8), AtomicOrdering::Monotonic);
  }

  // Ticks, and the number of the processor where it is known.
  std::pair<Value *, Value *> clock() {
    if (M.getTargetTriple().isX86()) {
      if (!HasBegun) {
        HasBegun = true;
        return {B.CreateIntrinsic(Intrinsic::x86_rdtsc, {}), nullptr};
      }
      Value *Both = B.CreateIntrinsic(Intrinsic::x86_rdtscp, {});
      return {B.CreateExtractValue(Both, 0), B.CreateZExt(B.CreateExtractValue(Both, 1), B.getInt64Ty())};
    }
    auto *Ty = FunctionType::get(B.getInt64Ty(), false);
    return {B.CreateCall(Ty, InlineAsm::get(Ty, "mrs $0, cntvct_el0", "=r", true)), B.getInt64(0)};
  }

  Function &Root;
  Module &M;
  IRBuilder<> B;
  Function *Gate = nullptr;
  GlobalVariable *Control = nullptr;
  AttributeList Passing;
  bool HasBegun = false;
};

} // namespace

std::pair<std::string, std::string> addGate(Function &Root) { return GateBuilder(Root).build(); }

} // namespace halo
