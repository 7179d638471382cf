// Chunk.cpp: strip-mining, with all state of the loop passed from piece to piece.
//
//     preheader                      preheader
//         |                              |
//         v                              v
//       header <--+                    outer <--------+      state so far
//         |       |                      |            |
//        ...      |        =>          enter          |      from here on the piece
//         |       |                      v            |
//       latch ----+                    header <--+    |
//         |                              |       |    |
//         v                            latch ----+    |
//       exit                             |            |
//                                     leave ----------+      state as it is now
//                                        |                   to here
//                                        v
//                                       exit
//
// Where the number of iterations is known beforehand, the piece is a loop with a known count and one
// exit: it can be vectorized as before. Otherwise each iteration is counted, and the original exits
// leave the piece as well.
#include "Chunk.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/Instructions.h"
#include "llvm/Transforms/Utils/BasicBlockUtils.h"
#include "llvm/Transforms/Utils/ScalarEvolutionExpander.h"

using namespace llvm;

namespace halo {

bool canChunk(const Loop &L) {
  if (!L.isLoopSimplifyForm() || !isa<BranchInst>(L.getLoopLatch()->getTerminator()))
    return false;
  SmallVector<BasicBlock *, 8> Exits;
  L.getUniqueExitBlocks(Exits);
  for (const BasicBlock *Exit : Exits)
    if (Exit->isEHPad()) {
      const LandingPadInst *Pad = Exit->getLandingPadInst();
      if (!Pad || Pad->getNumClauses() != 0)
        return false;
    }
  return true;
}

Value *expandTrips(Loop &L, const SCEV *Trips, ScalarEvolution &SE, const TargetTransformInfo &TTI,
                   Instruction *At) {
  if (isa<SCEVCouldNotCompute>(Trips) || !Trips->getType()->isIntegerTy() ||
      Trips->getType()->getIntegerBitWidth() > 64)
    return nullptr;
  SCEVExpander Expander(SE, "halo.trips", /*PreserveLCSSA=*/false);
  constexpr unsigned Budget = 8;
  if (!Expander.isSafeToExpandAt(Trips, At) || Expander.isHighCostExpansion(Trips, &L, Budget, &TTI, At))
    return nullptr;
  Value *Count = Expander.expandCodeFor(Trips, nullptr, At);
  return IRBuilder<>(At).CreateZExtOrTrunc(Count, Type::getInt64Ty(At->getContext()));
}

namespace {

class Chunker {
public:
  Chunker(Loop &L, Value *Limit, Value *Trips)
      : L(L), Limit(Limit), Trips(Trips), Preheader(L.getLoopPreheader()), Header(L.getHeader()),
        Int64(Type::getInt64Ty(Header->getContext())) {
    L.getUniqueExitBlocks(Exits);
  }

  Chunk run();

private:
  BasicBlock *create(const char *Name) {
    return BasicBlock::Create(Header->getContext(), Name, Header->getParent(), Header);
  }
  void splitEntry();
  void countEachIteration();
  void countBeforehand();
  void leaveBy(BasicBlock *Latch, const SmallVectorImpl<PHINode *> &State);
  void addExits();

  Loop &L;
  Value *Limit, *Trips;
  BasicBlock *Preheader, *Header;
  IntegerType *Int64;
  BasicBlock *Outer = nullptr, *Enter = nullptr, *Leave = nullptr;
  /// Of the header and, in the same order, of the outer loop's head.
  SmallVector<PHINode *, 8> Inner, Carried;
  SmallVector<BasicBlock *, 8> Exits;
  SmallVector<BasicBlock *, 16> Region;
};

} // namespace

/// The header is entered from `Enter` only, and that from `Outer`, which holds the state.
void Chunker::splitEntry() {
  Outer = create("halo.outer");
  Enter = create("halo.enter");
  IRBuilder<>(Outer).CreateBr(Enter);
  IRBuilder<>(Enter).CreateBr(Header);
  for (PHINode &Phi : Header->phis())
    Inner.push_back(&Phi);
  for (PHINode *Phi : Inner) {
    auto *Copy =
        PHINode::Create(Phi->getType(), 2, Phi->getName() + ".halo", Outer->getTerminator()->getIterator());
    Copy->addIncoming(Phi->getIncomingValueForBlock(Preheader), Preheader);
    int Index = Phi->getBasicBlockIndex(Preheader);
    Phi->setIncomingBlock(Index, Enter);
    Phi->setIncomingValue(Index, Copy);
    Carried.push_back(Copy);
  }
  Preheader->getTerminator()->replaceSuccessorWith(Header, Outer);
}

/// Fills `Leave`: the state as the latch has it, for the next piece.
void Chunker::leaveBy(BasicBlock *Latch, const SmallVectorImpl<PHINode *> &State) {
  MapVector<Value *, PHINode *> Left;
  for (auto [Phi, Copy] : zip(State, Carried)) {
    Value *Next = Phi->getIncomingValueForBlock(Latch);
    if (!isa<Instruction>(Next)) {
      Copy->addIncoming(Next, Leave);
      continue;
    }
    PHINode *&Out = Left[Next];
    if (!Out) {
      Out = PHINode::Create(Next->getType(), 1, Next->getName() + ".left", Leave->begin());
      Out->addIncoming(Next, Latch);
    }
    Copy->addIncoming(Out, Leave);
  }
}

void Chunker::countEachIteration() {
  BasicBlock *Old = L.getLoopLatch();
  MDNode *Hints = Old->getTerminator()->getMetadata(LLVMContext::MD_loop);
  Old->getTerminator()->setMetadata(LLVMContext::MD_loop, nullptr);
  BasicBlock *Latch = SplitEdge(Old, Header);
  Leave = create("halo.leave");
  IRBuilder<>(Leave).CreateBr(Outer);

  auto *Count = PHINode::Create(Int64, 2, "halo.count", Header->begin());
  Latch->getTerminator()->eraseFromParent();
  IRBuilder<> B(Latch);
  Value *Next = B.CreateAdd(Count, ConstantInt::get(Int64, 1), "halo.next", /*HasNUW=*/true);
  BranchInst *Branch = B.CreateCondBr(B.CreateICmpUGE(Next, Limit), Leave, Header);
  Branch->setMetadata(LLVMContext::MD_loop, Hints);
  Count->addIncoming(ConstantInt::get(Int64, 0), Enter);
  Count->addIncoming(Next, Latch);
  leaveBy(Latch, Inner);
  Region.append({Latch, Leave});
}

void Chunker::countBeforehand() {
  BasicBlock *Latch = L.getLoopLatch();
  BasicBlock *Exit = L.getExitBlock();
  Leave = create("halo.leave");
  BasicBlock *Choose = create("halo.choose");

  // How often the backedge is taken: still, and in this piece.
  IRBuilder<> B(Outer, Outer->getTerminator()->getIterator());
  auto *Rest = PHINode::Create(Int64, 2, "halo.rest", Outer->begin());
  Value *Now =
      B.CreateBinaryIntrinsic(Intrinsic::umin, Rest,
                              IRBuilder<>(Preheader->getTerminator())
                                  .CreateSub(Limit, ConstantInt::get(Int64, 1), "", /*HasNUW=*/true));
  auto *Count = PHINode::Create(Int64, 2, "halo.count", Header->begin());
  auto *Branch = cast<BranchInst>(Latch->getTerminator());
  B.SetInsertPoint(Branch);
  Value *Next = B.CreateAdd(Count, ConstantInt::get(Int64, 1), "halo.next", /*HasNUW=*/true);
  Value *IsLast = B.CreateICmpEQ(Count, Now);
  if (Branch->getSuccessor(0) != Exit)
    Branch->swapSuccessors();
  Branch->setCondition(IsLast);
  Branch->setMetadata(LLVMContext::MD_prof, nullptr);
  Branch->setSuccessor(0, Leave);
  Count->addIncoming(ConstantInt::get(Int64, 0), Enter);
  Count->addIncoming(Next, Latch);

  IRBuilder<>(Leave).CreateBr(Choose);
  leaveBy(Latch, Inner);
  for (PHINode *Copy : Carried)
    Copy->replaceIncomingBlockWith(Leave, Choose);
  for (PHINode &Phi : Exit->phis()) {
    int Index = Phi.getBasicBlockIndex(Latch);
    Phi.setIncomingBlock(Index, Choose);
    auto *Value = dyn_cast<Instruction>(Phi.getIncomingValue(Index));
    if (!Value)
      continue;
    auto *Out = PHINode::Create(Value->getType(), 1, Value->getName() + ".out", Leave->begin());
    Out->addIncoming(Value, Latch);
    Phi.setIncomingValue(Index, Out);
  }
  B.SetInsertPoint(Choose);
  Value *Left = B.CreateSub(B.CreateSub(Rest, Now), ConstantInt::get(Int64, 1));
  B.CreateCondBr(B.CreateICmpEQ(Rest, Now), Exit, Outer);
  Rest->addIncoming(Trips, Preheader);
  Rest->addIncoming(Left, Choose);
  Region.push_back(Leave);
}

/// What leaves the loop does so through blocks of the region: with them go its results, which
/// otherwise would be stored in every iteration, and landing pads, which must be with their invokes.
void Chunker::addExits() {
  for (BasicBlock *Exit : Exits) {
    if (Exit->isLandingPad()) {
      SmallVector<BasicBlock *, 4> Inside, Pads;
      for (BasicBlock *From : predecessors(Exit))
        if (L.contains(From))
          Inside.push_back(From);
      BasicBlock *Pad = Exit;
      if (Inside.size() < pred_size(Exit)) {
        SplitLandingPadPredecessors(Exit, Inside, ".halo", ".rest", Pads);
        Pad = Pads.front();
      }
      SplitBlock(Pad, std::next(Pad->getLandingPadInst()->getIterator()));
      Region.push_back(Pad);
    } else if (isa<UnreachableInst>(Exit->getTerminator())) {
      Region.push_back(Exit);
    } else if (isa<PHINode>(Exit->front())) {
      SplitBlock(Exit, Exit->getFirstNonPHIIt());
      Region.push_back(Exit);
    }
  }
}

Chunk Chunker::run() {
  splitEntry();
  Region.push_back(Enter);
  Region.append(L.block_begin(), L.block_end());
  if (Trips) {
    countBeforehand();
  } else {
    countEachIteration();
    addExits();
  }
  return {std::move(Region), Outer, std::move(Carried)};
}

Chunk chunkLoop(Loop &L, Value *Limit, Value *Trips) { return Chunker(L, Limit, Trips).run(); }

} // namespace halo
