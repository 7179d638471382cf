// Chunk.h: a loop made into a loop of pieces, each a run of at most so many iterations.
#ifndef HALO_PLUGIN_CHUNK_H
#define HALO_PLUGIN_CHUNK_H

#include "llvm/ADT/SmallVector.h"
#include "llvm/Analysis/LoopInfo.h"
#include "llvm/Analysis/ScalarEvolution.h"
#include "llvm/Analysis/TargetTransformInfo.h"

namespace halo {

struct Chunk {
  /// What one piece is, its entry block first. It is entered there only.
  llvm::SmallVector<llvm::BasicBlock *, 16> Region;
  /// Head of the loop around the pieces.
  llvm::BasicBlock *Outer = nullptr;
  /// Its values: those that the header had, in the same order.
  llvm::SmallVector<llvm::PHINode *, 8> State;
};

/// Can `chunkLoop` do this? The loop must be in simplified form; its exits to landing pads only
/// clean up, because the numbers of catch clauses are those of one function.
bool canChunk(const llvm::Loop &L);

/// How often the loop goes round (backedges taken) as a 64-bit value in its preheader, or null where
/// that is not known there or hard to compute.
llvm::Value *expandTrips(llvm::Loop &L, const llvm::SCEV *Trips, llvm::ScalarEvolution &SE,
                         const llvm::TargetTransformInfo &TTI, llvm::Instruction *At);

/// Rewrites the loop. `Limit`: iterations a piece, at least 1, 64 bits, known in the preheader.
/// `Trips`: from expandTrips, or null: then each iteration is counted. Invalidates all analyses.
Chunk chunkLoop(llvm::Loop &L, llvm::Value *Limit, llvm::Value *Trips);

} // namespace halo

#endif
