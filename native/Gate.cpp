#include "Gate.h"

#include "halo/gate.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/InlineAsm.h"
#include "llvm/IR/IntrinsicsX86.h"
#include "llvm/IR/MDBuilder.h"
#include "llvm/IR/Module.h"

#include <cstddef>

using namespace llvm;

namespace halo {
namespace {

// Pointers relative to %fs. The thread pointer is never held in a register: a call may return on
// another thread (coroutines), and the record of the first may be gone by then.
constexpr unsigned ThreadAddressSpace = 257;

class GateBuilder {
public:
  GateBuilder(Function &Root, bool IsRecursive)
      : Root(Root), M(*Root.getParent()), B(Root.getContext()), I64(B.getInt64Ty()),
        IsRecursive(IsRecursive) {
    makeControl();
  }

  // Two functions, so that calls which go straight save no registers: the gate, and where it jumps
  // with a call that holds the token.
  std::pair<std::string, std::string> build() {
    Function *Outermost = create(".gate.outermost", GlobalValue::InternalLinkage);
    buildOutermost();
    Function *Gate = create(".gate", GlobalValue::ExternalLinkage);
    Gate->setVisibility(GlobalValue::HiddenVisibility);
    Gate->setDSOLocal(true);
    buildGate(Outermost);
    return {Gate->getName().str(), Control->getName().str()};
  }

private:
  void buildGate(Function *Outermost) {
    BasicBlock *Entry = block("entry"), *Token = block("token"), *Nested = block("nested");
    BasicBlock *Hold = block("hold"), *Straight = block("straight");
    B.SetInsertPoint(Straight);
    PHINode *Side = B.CreatePHI(I64, 3);
    finish(jump(target(Side)));

    B.SetInsertPoint(Entry);
    Word = load(offsetof(halo_gate_control, word));
    Record = load(offsetof(halo_gate_control, record));
    Side->addIncoming(Word, Entry);
    BasicBlock *Draw = IsRecursive ? Token : block("draw");
    branch(B.CreateICmpEQ(Record, B.getInt64(0)), Straight, Draw, /*IsLikely=*/false);
    if (!IsRecursive) {
      B.SetInsertPoint(Draw);
      BasicBlock *Skip = draw(Token);
      Side->addIncoming(B.CreateLoad(I64, record(offsetof(halo_gate_record, word))), Skip);
      B.CreateBr(Straight);
    }

    B.SetInsertPoint(Token);
    Value *Holder = B.CreateLoad(I64, record(offsetof(halo_gate_record, stack)));
    branch(B.CreateICmpULT(stackPointer(), Holder), Nested, Hold, /*IsLikely=*/IsRecursive);

    B.SetInsertPoint(Nested);
    Value *First = B.CreateLoad(I64, record(offsetof(halo_gate_record, word)));
    Side->addIncoming(First, Nested);
    Value *Age = B.CreateSub(B.CreateOr(Word, 1), First); // that call may have been on the other side
    Value *IsLive = B.CreateICmpULT(Age, B.getInt64(HALO_GATE_AGE));
    branch(IsLive, Straight, Hold, /*IsLikely=*/true);

    B.SetInsertPoint(Hold);
    finish(jump(Outermost));
  }

  void buildOutermost() {
    BasicBlock *Entry = block("entry"), *Hold = block("hold"), *Straight = block("straight");
    B.SetInsertPoint(Entry);
    Word = load(offsetof(halo_gate_control, word));
    Record = load(offsetof(halo_gate_control, record));
    Value *HasEnded = B.CreateICmpEQ(Record, B.getInt64(0)); // since the gate looked
    branch(HasEnded, Straight, Hold, /*IsLikely=*/false);
    B.SetInsertPoint(Straight);
    finish(jump(target(Word)));

    B.SetInsertPoint(Hold);
    takeTurn();
    B.CreateStore(stackPointer(), record(offsetof(halo_gate_record, stack)));
    B.CreateStore(Word, record(offsetof(halo_gate_record, word)));
    if (IsRecursive) {
      BasicBlock *Timed = block("timed");
      draw(Timed);
      CallInst *Untimed = call(target(Word));
      giveTokenBack();
      finish(Untimed);
      B.SetInsertPoint(Timed);
    }
    buildTimed();
  }

  // The upper bits are the lower ones, well mixed. Twice, because one product by 2^64 / phi makes of
  // consecutive numbers a wave.
  Value *mix(Value *Number) {
    Value *Phi = B.getInt64(0x9E3779B97F4A7C15u);
    Value *Once = B.CreateMul(Number, Phi);
    return B.CreateMul(B.CreateXor(Once, B.CreateLShr(Once, 32)), Phi);
  }

  // The side, where sides take turns: which of a pair of turns is whose is another matter in every trial.
  void takeTurn() {
    Value *Base = load(offsetof(halo_gate_control, base));
    Value *Where = record(offsetof(halo_gate_record, drawn));
    Value *Drawn = B.CreateLoad(I64, Where);
    B.CreateStore(B.CreateAdd(Drawn, B.getInt64(1)), Where);
    Value *Turn = B.CreateLShr(Drawn, B.CreateAnd(load(offsetof(halo_gate_control, turn_bits)), 63));
    Value *Order = B.CreateLShr(mix(B.CreateXor(B.CreateLShr(Turn, 1), Base)), 63);
    Value *IsFlipped = B.CreateXor(Order, B.CreateAnd(Turn, 1));
    Word = B.CreateXor(Word, B.CreateAnd(IsFlipped, Base)); // its other bits are no part of the side
  }

  // Goes on in the block returned with a call that is not timed, in Due with one that is.
  BasicBlock *draw(BasicBlock *Due) {
    BasicBlock *Skip = block("skip");
    Value *Left = B.CreateLoad(I64, record(offsetof(halo_gate_record, left)));
    Value *Ahead = B.CreateSub(Left, load(offsetof(halo_gate_control, base)));
    Value *IsSkipped =
        B.CreateICmpULT(B.CreateSub(Ahead, B.getInt64(1)), load(offsetof(halo_gate_control, reach)));
    branch(IsSkipped, Skip, Due, /*IsLikely=*/true);
    B.SetInsertPoint(Skip);
    B.CreateStore(B.CreateSub(Left, B.getInt64(1)), record(offsetof(halo_gate_record, left)));
    return Skip;
  }

  // Parameters are passed as the root's; of the root's promises about memory none holds here.
  Function *create(StringRef Suffix, GlobalValue::LinkageTypes Linkage) {
    F = Function::Create(Root.getFunctionType(), Linkage, Root.getAddressSpace(), Root.getName() + Suffix,
                         &M);
    F->setCallingConv(Root.getCallingConv());
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
    F->setAttributes(Passing.addFnAttributes(B.getContext(), Own));
    return F;
  }

  void makeControl() {
    size_t Targets = offsetof(halo_gate_control, target), Size = sizeof(halo_gate_control);
    auto Zero = [&](size_t Bytes) {
      return ConstantAggregateZero::get(ArrayType::get(B.getInt8Ty(), Bytes));
    };
    Constant *Block = ConstantStruct::getAnon(
        {Zero(Targets), &Root, &Root, Zero(Size - Targets - 2 * sizeof(uint64_t))}, /*Packed=*/true);
    Control = new GlobalVariable(M, Block->getType(), false, GlobalValue::ExternalLinkage, Block,
                                 Root.getName() + ".control");
    Control->setAlignment(Align(64));
    Control->setVisibility(GlobalValue::HiddenVisibility);
    Control->setDSOLocal(true);
  }

  // One path for both sides: the side decides the callee and the counter, nothing else.
  void buildTimed() {
    BasicBlock *Count = block("count"), *Exit = block("exit");
    Value *Callee = target(Word);
    Before = B.CreateLoad(I64, guard(), /*isVolatile=*/true);
    B.CreateStore(load(offsetof(halo_gate_control, mark)), guard(), /*isVolatile=*/true);
    Begin = begin();
    CallInst *Call = call(Callee);
    auto [End, Cpu] = end();
    Value *Ticks = B.CreateSub(End, Begin);
    Value *WasCut = isCut(Ticks);
    giveTokenBack();
    Value *Next =
        B.CreateLShr(B.CreateMul(B.CreateLShr(mix(Begin), 32), load(offsetof(halo_gate_control, reach))), 32);
    B.CreateStore(B.CreateAdd(Next, load(offsetof(halo_gate_control, base))),
                  record(offsetof(halo_gate_record, left)));
    Value *Slice = B.CreateLShr(load(offsetof(halo_gate_control, word)), 1);
    Value *Switches = B.CreateSub(Slice, B.CreateLShr(Word, 1));
    branch(B.CreateICmpULT(Switches, B.getInt64(HALO_GATE_TRIAL)), Count, Exit, /*IsLikely=*/true);

    B.SetInsertPoint(Count);
    Value *Number = B.CreateAnd(Cpu, load(offsetof(halo_gate_control, mask)));
    Value *Line = B.CreateAdd(load(offsetof(halo_gate_control, lines)),
                              B.CreateMul(Number, B.getInt64(sizeof(halo_gate_line))));
    Value *Sum = B.CreateAdd(Line, B.CreateMul(WasCut, B.getInt64(sizeof(halo_gate_sum))));
    Value *Counter = B.CreateAdd(Sum, sideOffset(Word));
    add(Counter, offsetof(halo_gate_sum, ticks), Ticks);
    add(Counter, offsetof(halo_gate_sum, calls), B.getInt64(1));
    B.CreateBr(Exit);

    B.SetInsertPoint(Exit);
    finish(Call);
  }

  // A timed call of another root around this one is cut too, and its mark is to stay otherwise.
  Value *isCut(Value *Ticks) {
    Value *Seen = B.CreateLoad(I64, guard(), /*isVolatile=*/true);
    Value *WasCut = B.CreateICmpEQ(Seen, B.getInt64(0));
    Value *IsInside = B.CreateICmpEQ(Before, load(offsetof(halo_gate_control, mark)));
    Value *After = B.CreateSelect(B.CreateAnd(IsInside, B.CreateNot(WasCut)), Before, B.getInt64(0));
    B.CreateStore(After, guard(), /*isVolatile=*/true);
    Value *IsLong = B.CreateICmpUGT(Ticks, load(offsetof(halo_gate_control, longest)));
    return B.CreateZExt(B.CreateOr(WasCut, IsLong), I64);
  }

  void giveTokenBack() { B.CreateStore(B.getInt64(0), record(offsetof(halo_gate_record, stack))); }

  Value *sideOffset(Value *OfWord) { return B.CreateShl(B.CreateAnd(OfWord, 1), 3); }

  Value *target(Value *OfWord) {
    Value *Where =
        B.CreateInBoundsGEP(B.getInt8Ty(), at(offsetof(halo_gate_control, target)), sideOffset(OfWord));
    LoadInst *Callee = B.CreateAlignedLoad(B.getPtrTy(), Where, Align(8));
    Callee->setAtomic(AtomicOrdering::Monotonic);
    return Callee;
  }

  CallInst *call(Value *Callee) {
    SmallVector<Value *, 8> Arguments(make_pointer_range(F->args()));
    CallInst *Call = B.CreateCall(Root.getFunctionType(), Callee, Arguments);
    Call->setCallingConv(Root.getCallingConv());
    Call->setAttributes(Passing);
    Call->addFnAttr(Attribute::NoInline);
    Call->addFnAttr(Attribute::NoCfCheck); // the original's body has no landing mark
    return Call;
  }

  CallInst *jump(Value *Callee) {
    CallInst *Call = call(Callee);
    Call->setTailCallKind(CallInst::TCK_Tail);
    return Call;
  }

  BasicBlock *block(const char *Name) { return BasicBlock::Create(B.getContext(), Name, F); }

  void finish(CallInst *Call) { Root.getReturnType()->isVoidTy() ? B.CreateRetVoid() : B.CreateRet(Call); }

  void branch(Value *Condition, BasicBlock *Then, BasicBlock *Else, bool IsLikely) {
    MDBuilder Weights(B.getContext());
    B.CreateCondBr(Condition, Then, Else,
                   IsLikely ? Weights.createLikelyBranchWeights() : Weights.createUnlikelyBranchWeights());
  }

  Value *at(size_t Offset) { return B.CreateConstInBoundsGEP1_64(B.getInt8Ty(), Control, Offset); }

  Value *load(size_t Offset) {
    LoadInst *Load = B.CreateAlignedLoad(I64, at(Offset), Align(8));
    // What the monitor wrote before `record` is seen with it.
    bool IsOpen = Offset == offsetof(halo_gate_control, record);
    Load->setAtomic(IsOpen ? AtomicOrdering::Acquire : AtomicOrdering::Monotonic);
    return Load;
  }

  // A field of this thread's record, wherever the thread pointer is now.
  Value *record(size_t Offset) { return ofThread(B.CreateAdd(Record, B.getInt64(Offset))); }

  // Where the kernel says that it took the processor away.
  Value *guard() { return ofThread(load(offsetof(halo_gate_control, guard))); }

  Value *ofThread(Value *From) {
    if (M.getTargetTriple().isX86())
      return B.CreateIntToPtr(From, PointerType::get(B.getContext(), ThreadAddressSpace));
    auto *Ty = FunctionType::get(I64, false);
    Value *Thread = B.CreateCall(Ty, InlineAsm::get(Ty, "mrs $0, tpidr_el0", "=r", true));
    return B.CreateIntToPtr(B.CreateAdd(Thread, From), B.getPtrTy());
  }

  // As the caller left it, without making this function need a frame pointer.
  Value *stackPointer() {
    auto Which = M.getTargetTriple().isX86() ? Intrinsic::addressofreturnaddress : Intrinsic::stacksave;
    return B.CreatePtrToInt(B.CreateIntrinsic(Which, {B.getPtrTy()}, {}), I64);
  }

  // By one instruction, at any level of code generation; no lock.
  void add(Value *Counter, size_t Offset, Value *Amount) {
    Value *Where = B.CreateIntToPtr(B.CreateAdd(Counter, B.getInt64(Offset)), B.getPtrTy());
    if (!M.getTargetTriple().isX86()) {
      B.CreateAtomicRMW(AtomicRMWInst::Add, Where, Amount, Align(8), AtomicOrdering::Monotonic);
      return;
    }
    auto *Ty = FunctionType::get(B.getVoidTy(), {B.getPtrTy(), I64, B.getPtrTy()}, false);
    auto *Add = InlineAsm::get(Ty, "addq $1, $0", "=*m,re,*m,~{flags},~{dirflag},~{fpsr}", true);
    CallInst *Call = B.CreateCall(Ty, Add, {Where, Amount, Where});
    for (unsigned P : {0u, 2u})
      Call->addParamAttr(P, Attribute::get(B.getContext(), Attribute::ElementType, I64));
  }

  Value *begin() {
    return M.getTargetTriple().isX86() ? B.CreateIntrinsic(Intrinsic::x86_rdtsc, {}) : otherClock();
  }

  // Ticks, and the number of the processor where it is known.
  std::pair<Value *, Value *> end() {
    if (!M.getTargetTriple().isX86())
      return {otherClock(), B.getInt64(0)};
    Value *Both = B.CreateIntrinsic(Intrinsic::x86_rdtscp, {});
    return {B.CreateExtractValue(Both, 0), B.CreateZExt(B.CreateExtractValue(Both, 1), I64)};
  }

  Value *otherClock() {
    auto *Ty = FunctionType::get(I64, false);
    return B.CreateCall(Ty, InlineAsm::get(Ty, "mrs $0, cntvct_el0", "=r", true));
  }

  Function &Root;
  Module &M;
  IRBuilder<> B;
  Type *I64;
  bool IsRecursive;
  Function *F = nullptr; // the one that is built
  GlobalVariable *Control = nullptr;
  AttributeList Passing;
  Value *Word = nullptr, *Record = nullptr, *Before = nullptr, *Begin = nullptr;
};

} // namespace

std::pair<std::string, std::string> addGate(Function &Root, bool IsRecursive) {
  return GateBuilder(Root, IsRecursive).build();
}

} // namespace halo
