// Outline.cpp: which loops, how long a piece, and the cut itself.
//
// In: a module before optimization and its functions that are entered once. A loop of theirs goes on
// in the code it was entered in, however much better code there is by now. So it runs in pieces: each
// takes about as long as the call of its function is not noticed in (ten microseconds), and the next
// one may be another version. The outermost loops first, then, inside the pieces, loops that hold
// further loops: an iteration of the outermost may take very long, and nobody knows beforehand.
#include "Outline.h"

#include "Chunk.h"
#include "Once.h"
#include "Prepare.h"
#include "Select.h"

#include "llvm/Analysis/AliasAnalysis.h"
#include "llvm/Analysis/BlockFrequencyInfo.h"
#include "llvm/Analysis/CaptureTracking.h"
#include "llvm/Analysis/ValueTracking.h"
#include "llvm/IR/Dominators.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/IR/Verifier.h"
#include "llvm/Transforms/IPO/InferFunctionAttrs.h"
#include "llvm/Transforms/Utils/BasicBlockUtils.h"
#include "llvm/Transforms/Utils/Cloning.h"
#include "llvm/Transforms/Utils/CodeExtractor.h"

#include <optional>
#include <vector>

using namespace llvm;

namespace halo {

namespace {

/// Instructions in a piece, about; of a call that is not looked into; of one that has loops.
constexpr uint64_t PieceWeight = 1 << 16, CallWeight = 50, LoopingCallWeight = 1000;
/// A loop of unknown length goes round so often; none is believed to go round more than the limit.
constexpr uint64_t UsualTrips = 64, MostTrips = 1 << 16;
/// No more iterations than these are not worth a function.
constexpr unsigned FewTrips = 8;
/// Loops of fewer instructions that call others only drive them.
constexpr unsigned DriverInstructions = 24;
constexpr unsigned MostDepth = 3, MostLoops = 16, MostValues = 24, MostInstructions = 20000;

/// A function as it was, to go back to.
class Backup {
public:
  explicit Backup(Function &F) : F(F) {
    ValueToValueMapTy Map;
    Copy = CloneFunction(&F, Map);
    Copy->setLinkage(GlobalValue::InternalLinkage);
    Copy->setComdat(nullptr);
  }
  ~Backup() { Copy->eraseFromParent(); }
  Backup(const Backup &) = delete;
  Backup &operator=(const Backup &) = delete;

  void restore() {
    auto Linkage = F.getLinkage();
    Comdat *Group = F.getComdat();
    F.deleteBody();
    F.setLinkage(Linkage);
    F.setComdat(Group);
    for (auto [Old, New] : zip(Copy->args(), F.args()))
      Old.replaceAllUsesWith(&New);
    F.splice(F.begin(), Copy);
    if (Copy->hasPersonalityFn())
      F.setPersonalityFn(Copy->getPersonalityFn());
    F.copyMetadata(Copy, 0);
    Copy->clearMetadata();
  }

private:
  Function &F;
  Function *Copy;
};

class Outliner {
public:
  Outliner(FunctionAnalysisManager &FAM, StringRef Stem, std::vector<Function *> &Made)
      : FAM(FAM), Stem(Stem), Made(Made) {}

  /// False if the result is broken.
  bool run(Function &F, unsigned Depth);

private:
  Loop *pick(ArrayRef<Loop *> Loops);
  bool isEligible(Loop &L);
  bool isWorthIt(Loop &L) const;
  bool hasInnerLoops(const Loop &L) const;
  bool isShort(const Loop &L) const;
  Value *weigh(const Loop &L, const Loop &Outermost, Instruction *At) const;
  SmallVector<AllocaInst *, 8> findPrivate(const Loop &L) const;
  Function *cut(Loop &L);

  FunctionAnalysisManager &FAM;
  StringRef Stem;
  std::vector<Function *> &Made;
  /// Heads of loops that were refused, and of loops around pieces.
  SmallPtrSet<const BasicBlock *, 16> Done;
  Function *F = nullptr;
  LoopInfo *LI = nullptr;
  DominatorTree *DT = nullptr;
  ScalarEvolution *SE = nullptr;
};

} // namespace

bool Outliner::isShort(const Loop &L) const {
  unsigned Trips = SE->getSmallConstantTripCount(&L);
  return Trips > 0 && Trips <= FewTrips;
}

bool Outliner::hasInnerLoops(const Loop &L) const {
  return any_of(L.getSubLoops(),
                [&](const Loop *Inner) { return !isShort(*Inner) || hasInnerLoops(*Inner); });
}

static bool isGenerated(const Instruction &I) {
  return !I.isDebugOrPseudoInst() && !I.isLifetimeStartOrEnd() && !isa<PHINode>(I);
}

static uint64_t weighCall(const CallBase &Call) {
  if (isa<IntrinsicInst>(Call))
    return 1;
  const Function *Callee = Call.getCalledFunction();
  if (!Callee || Callee->isDeclaration())
    return CallWeight;
  return hasLoops(*Callee) ? LoopingCallWeight : CallWeight + Callee->getInstructionCount() / 3;
}

/// What one iteration takes, in instructions: a constant, or computed where the lengths of inner loops
/// are known before the outermost one.
Value *Outliner::weigh(const Loop &L, const Loop &Outermost, Instruction *At) const {
  IRBuilder<> B(At);
  // Rare paths count for as little as the optimizer thinks they are taken.
  auto &Frequencies = FAM.getResult<BlockFrequencyAnalysis>(*F);
  double Own = 1,
         Each = double(std::max<uint64_t>(Frequencies.getBlockFreq(L.getHeader()).getFrequency(), 1));
  for (const BasicBlock *Block : L.blocks())
    if (LI->getLoopFor(Block) == &L)
      for (const Instruction &I : *Block)
        if (isGenerated(I))
          Own += double(Frequencies.getBlockFreq(Block).getFrequency()) / Each *
                 double(isa<CallBase>(I) ? weighCall(cast<CallBase>(I)) : 1);
  Value *Sum = B.getInt64(uint64_t(std::min(Own, double(PieceWeight))));
  for (Loop *Inner : L) {
    Value *Iteration = weigh(*Inner, Outermost, At);
    Value *Trips = nullptr;
    const SCEV *Known = SE->getBackedgeTakenCount(Inner);
    if (!isa<SCEVCouldNotCompute>(Known) && SE->isLoopInvariant(Known, &Outermost))
      Trips = expandTrips(*Inner, Known, *SE, FAM.getResult<TargetIRAnalysis>(*F), At);
    B.SetInsertPoint(At);
    if (!Trips)
      Trips = B.getInt64(UsualTrips);
    else
      Trips = B.CreateAdd(B.CreateBinaryIntrinsic(Intrinsic::umin, Trips, B.getInt64(MostTrips)),
                          B.getInt64(1), "",
                          /*HasNUW=*/true);
    // Whatever is beyond a piece is as good as a piece.
    Value *All = B.CreateBinaryIntrinsic(Intrinsic::umin, B.CreateMul(Iteration, Trips, "", /*HasNUW=*/true),
                                         B.getInt64(PieceWeight));
    Sum = B.CreateAdd(Sum, All, "", /*HasNUW=*/true);
  }
  return Sum;
}

/// Loops that only call others gain nothing: those have entries of their own.
bool Outliner::isWorthIt(Loop &L) const {
  if (isShort(L))
    return false;
  if (hasInnerLoops(L))
    return true;
  unsigned Count = 0;
  bool HasCalls = false;
  for (const BasicBlock *Block : L.blocks())
    for (const Instruction &I : *Block) {
      Count += isGenerated(I);
      HasCalls |= isa<CallBase>(I) && !isa<IntrinsicInst>(I);
    }
  return !HasCalls || Count >= DriverInstructions;
}

static bool canMove(const Instruction &I) {
  if (isa<AllocaInst, CallBrInst, IndirectBrInst, FuncletPadInst, CatchSwitchInst, ResumeInst>(I))
    return false;
  if (I.getType()->isTokenTy())
    return false;
  if (const auto *Operation = dyn_cast<FPMathOperator>(&I); Operation && Operation->getFastMathFlags().any())
    return false;
  if (const auto *Call = dyn_cast<CallInst>(&I)) {
    if (Call->isMustTailCall() || Call->canReturnTwice())
      return false;
    switch (Call->getIntrinsicID()) {
    case Intrinsic::eh_typeid_for:
    case Intrinsic::vastart:
    case Intrinsic::frameaddress:
    case Intrinsic::returnaddress:
    case Intrinsic::addressofreturnaddress:
    case Intrinsic::sponentry:
    case Intrinsic::stacksave:
    case Intrinsic::stackrestore:
    case Intrinsic::localescape:
      return false;
    default:
      break;
    }
  }
  return true;
}

bool Outliner::isEligible(Loop &L) {
  if (!canChunk(L))
    return false;
  SmallPtrSet<const Value *, 32> Values;
  for (BasicBlock *Block : L.blocks()) {
    if (Block->hasAddressTaken())
      return false;
    for (Instruction &I : *Block) {
      if (!canMove(I))
        return false;
      for (const Value *Operand : I.operands()) {
        if (isa<BlockAddress>(Operand))
          return false;
        const auto *Inst = dyn_cast<Instruction>(Operand);
        if (isa<Argument>(Operand) || (Inst && !L.contains(Inst)))
          Values.insert(Operand);
      }
    }
  }
  SmallVector<BasicBlock *, 8> Exits;
  L.getUniqueExitBlocks(Exits);
  size_t Outputs = 0;
  for (const BasicBlock *Exit : Exits)
    Outputs += std::distance(Exit->phis().begin(), Exit->phis().end());
  size_t Carried = std::distance(L.getHeader()->phis().begin(), L.getHeader()->phis().end());
  return Values.size() + Outputs + 2 * Carried <= MostValues;
}

Loop *Outliner::pick(ArrayRef<Loop *> Loops) {
  for (Loop *L : Loops) {
    if (Done.contains(L->getHeader()))
      continue;
    if (isWorthIt(*L) && isEligible(*L))
      return L;
    if (Loop *Inner = pick(L->getSubLoops()))
      return Inner;
    Done.insert(L->getHeader());
  }
  return nullptr;
}

/// Variables in memory that only this loop uses, anew in each iteration.
SmallVector<AllocaInst *, 8> Outliner::findPrivate(const Loop &L) const {
  SmallVector<AllocaInst *, 8> Private;
  for (Instruction &I : F->getEntryBlock()) {
    auto *Variable = dyn_cast<AllocaInst>(&I);
    if (!Variable || !Variable->isStaticAlloca())
      continue;
    SmallVector<Instruction *, 4> Starts;
    for (User *U : Variable->users())
      if (auto *Marker = dyn_cast<LifetimeIntrinsic>(U);
          Marker && Marker->getIntrinsicID() == Intrinsic::lifetime_start && L.contains(Marker))
        Starts.push_back(Marker);
    bool IsPrivate = !Variable->use_empty() && all_of(Variable->users(), [&](User *U) {
      auto *User = cast<Instruction>(U);
      if (User->isLifetimeStartOrEnd())
        return true;
      return L.contains(User) &&
             any_of(Starts, [&](Instruction *Start) { return DT->dominates(Start, User); });
    });
    if (IsPrivate)
      Private.push_back(Variable);
  }
  return Private;
}

/// Says of the inputs what was plain before the cut: pointers into objects that nobody else knows.
class Pointers {
public:
  explicit Pointers(const SetVector<Value *> &Inputs) {
    for (Value *Input : Inputs)
      if (Input->getType()->isPointerTy()) {
        SmallVector<const Value *, 4> Objects;
        getUnderlyingObjects(Input, Objects, nullptr, /*MaxLookup=*/0);
        for (const Value *Object : Objects)
          Ways[Object]++;
        if (Objects.size() == 1)
          Bases[Input] = Objects.front();
      }
    for (auto [Object, Count] : Ways)
      if (isIdentifiedFunctionLocal(Object) && !PointerMayBeCaptured(Object, /*ReturnCaptures=*/false))
        Unknown.insert(Object);
  }

  bool isUnknownElsewhere(const Value *Input) const { return Unknown.contains(Bases.lookup(Input)); }
  bool isOnlyWay(const Value *Input) const {
    return isUnknownElsewhere(Input) && Ways.lookup(Bases.lookup(Input)) == 1;
  }

private:
  DenseMap<const Value *, unsigned> Ways;
  DenseMap<const Value *, const Value *> Bases;
  SmallPtrSet<const Value *, 8> Unknown;
};

using Ranges = DenseMap<const Value *, ConstantRange>;

/// What is known of a number. A loop's indices do not wrap because its bounds are such, and inside of a
/// piece nobody would know.
static ConstantRange findRange(ScalarEvolution &SE, Value *V) {
  const SCEV *S = SE.getSCEV(V);
  return SE.getUnsignedRange(S).intersectWith(SE.getSignedRange(S));
}

static void describeArguments(Function &Piece, const SetVector<Value *> &Inputs,
                              const SetVector<Value *> &Outputs, const Pointers &Known,
                              const Ranges &Numbers) {
  const DataLayout &DL = Piece.getDataLayout();
  LLVMContext &C = Piece.getContext();
  // The one way in which a pointer could be kept from the piece's end on.
  bool ReturnsPointers = any_of(Outputs, [](const Value *V) { return V->getType()->isPtrOrPtrVectorTy(); });
  for (auto [Index, Argument] : enumerate(Piece.args())) {
    if (Index >= Inputs.size()) { // where an output goes
      Argument.addAttr(Attribute::NoAlias);
      continue;
    }
    Value *Input = Inputs[Index];
    if (auto At = Numbers.find(Input);
        At != Numbers.end() && !At->second.isFullSet() && !At->second.isEmptySet())
      Argument.addAttr(Attribute::get(C, Attribute::Range, At->second));
    if (Known.isOnlyWay(Input))
      Argument.addAttr(Attribute::NoAlias);
    if (Known.isUnknownElsewhere(Input) && !ReturnsPointers)
      Argument.addAttr(Attribute::getWithCaptureInfo(C, CaptureInfo::none()));
    if (auto *Variable = dyn_cast<AllocaInst>(Input); Variable && Variable->isStaticAlloca()) {
      Argument.addAttr(Attribute::getWithAlignment(C, Variable->getAlign()));
      Argument.addAttr(Attribute::NonNull);
      if (auto Size = Variable->getAllocationSize(DL); Size && !Size->isScalable() && Size->getFixedValue())
        Argument.addAttr(Attribute::getWithDereferenceableBytes(C, Size->getFixedValue()));
    }
  }
}

Function *Outliner::cut(Loop &L) {
  Instruction *At = L.getLoopPreheader()->getTerminator();
  Value *Trips = nullptr;
  if (L.getExitBlock() && L.getExitingBlock() == L.getLoopLatch())
    Trips = expandTrips(L, SE->getBackedgeTakenCount(&L), *SE, FAM.getResult<TargetIRAnalysis>(*F), At);
  Value *Weight = weigh(L, L, At);
  IRBuilder<> B(At);
  // Weight is at least 1, and may be more than a piece's.
  Value *Limit = B.CreateUDiv(B.getInt64(PieceWeight), Weight, "halo.limit");
  Limit = B.CreateBinaryIntrinsic(Intrinsic::umax, Limit, B.getInt64(1));
  SmallVector<AllocaInst *, 8> Private = findPrivate(L);

  SmallVector<std::optional<ConstantRange>, 8> StateRanges;
  for (PHINode &Phi : L.getHeader()->phis())
    StateRanges.push_back(Phi.getType()->isIntegerTy() ? std::optional(findRange(*SE, &Phi)) : std::nullopt);

  Chunk Pieces = chunkLoop(L, Limit, Trips);
  Done.insert(Pieces.Outer);
  FAM.invalidate(*F, PreservedAnalyses::none());
  BasicBlock *Enter = Pieces.Region.front();
  SmallPtrSet<BasicBlock *, 16> Inside(Pieces.Region.begin(), Pieces.Region.end());
  for (AllocaInst *Variable : Private) {
    for (User *U : make_early_inc_range(Variable->users()))
      if (auto *Marker = cast<Instruction>(U); !Inside.contains(Marker->getParent()))
        Marker->eraseFromParent();
    Variable->moveBefore(Enter->begin());
  }

  DominatorTree &Tree = FAM.getResult<DominatorTreeAnalysis>(*F);
  CodeExtractorAnalysisCache Cache(*F);
  CodeExtractor Extractor(Pieces.Region, &Tree, /*AggregateArgs=*/false, nullptr, nullptr, nullptr,
                          /*AllowVarArgs=*/false, /*AllowAlloca=*/true, nullptr,
                          "loop" + std::to_string(Made.size() + 1));
  SetVector<Value *> Inputs, Outputs;
  Extractor.findInputsOutputs(Inputs, Outputs, {});
  Pointers Known(Inputs);
  Ranges Numbers;
  SE = &FAM.getResult<ScalarEvolutionAnalysis>(*F);
  for (Value *Input : Inputs)
    if (Input->getType()->isIntegerTy())
      Numbers.try_emplace(Input, findRange(*SE, Input));
  for (auto [Phi, Range] : zip(Pieces.State, StateRanges))
    if (Range)
      Numbers.insert_or_assign(Phi, *Range);
  Inputs.clear();
  Outputs.clear();
  Function *Piece = Extractor.extractCodeRegion(Cache, Inputs, Outputs);
  FAM.invalidate(*F, PreservedAnalyses::none());
  if (!Piece)
    return nullptr;
  // Variables are found by the optimizer in the entry block only.
  MergeBlockIntoPredecessor(Enter);
  Piece->setName(Stem + ".loop" + Twine(Made.size() + 1));
  for (auto Kind : {Attribute::NoInline, Attribute::AlwaysInline, Attribute::InlineHint})
    Piece->removeFnAttr(Kind);
  describeArguments(*Piece, Inputs, Outputs, Known, Numbers);
  return Piece;
}

bool Outliner::run(Function &Of, unsigned Depth) {
  std::vector<Function *> New;
  F = &Of;
  while (Made.size() < MostLoops) {
    formLoops(*F, FAM);
    LI = &FAM.getResult<LoopAnalysis>(*F);
    DT = &FAM.getResult<DominatorTreeAnalysis>(*F);
    SE = &FAM.getResult<ScalarEvolutionAnalysis>(*F);
    SmallVector<Loop *, 8> Candidates;
    for (Loop *L : *LI) {
      if (Depth == 1)
        Candidates.push_back(L);
      else
        copy_if(*L, std::back_inserter(Candidates), [&](Loop *Inner) { return hasInnerLoops(*Inner); });
    }
    Loop *L = pick(Candidates);
    if (!L)
      break;
    Function *Piece = cut(*L);
    if (!Piece)
      return false;
    Made.push_back(Piece);
    New.push_back(Piece);
  }
  if (verifyFunction(*F))
    return false;
  for (Function *Piece : New) {
    if (verifyFunction(*Piece))
      return false;
    if (Depth < MostDepth && !run(*Piece, Depth + 1))
      return false;
  }
  return true;
}

static bool isLeftAlone(const Function &F) {
  return F.hasOptNone() || F.hasMinSize() || F.isVarArg() || F.hasComdat() || F.isPresplitCoroutine() ||
         F.hasGC() || F.hasFnAttribute(Attribute::Naked) || F.callsFunctionThatReturnsTwice() ||
         F.getInstructionCount() > MostInstructions || !hasLoops(F) ||
         any_of(F, [](const BasicBlock &Block) { return Block.hasAddressTaken(); });
}

SmallVector<Function *, 8> outlineLoops(Module &M, ModuleAnalysisManager &AM,
                                        const SmallSetVector<Function *, 8> &Once) {
  // What library functions do with pointers decides which arrays are known to be apart.
  AM.invalidate(M, InferFunctionAttrsPass().run(M, AM));
  auto &FAM = AM.getResult<FunctionAnalysisManagerModuleProxy>(M).getManager();
  SmallVector<Function *, 8> Outlined;
  for (Function *F : Once) {
    if (isLeftAlone(*F))
      continue;
    std::vector<Function *> Made;
    Backup Before(*F);
    prepareFunction(*F, FAM);
    std::string Stem = F->getName().str();
    bool IsSound = Outliner(FAM, Stem, Made).run(*F, 1);
    if (!IsSound || Made.empty())
      Before.restore();
    if (!IsSound) {
      for (Function *Piece : Made)
        Piece->dropAllReferences();
      for (Function *Piece : Made)
        Piece->eraseFromParent();
      Made.clear();
    }
    FAM.invalidate(*F, PreservedAnalyses::none());
    Outlined.append(Made.begin(), Made.end());
  }
  return Outlined;
}

} // namespace halo
