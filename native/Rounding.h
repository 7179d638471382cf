// Rounding: makes `llvm.fmuladd` mean what it meant in the ahead-of-time code, to the bit.
//
// clang emits llvm.fmuladd for a*b+c; the code generator fuses it (one rounding) where the target
// has FMA and splits it (two roundings) where not. A variant is built for another target, so the
// choice is made explicit: fused ones become llvm.fma when an image is read. The others stay as
// they are while the optimizer folds constants (which the ahead-of-time optimizer did fused, too),
// and are split before vectorization.
#ifndef HALO_NATIVE_ROUNDING_H
#define HALO_NATIVE_ROUNDING_H

namespace llvm {
class Module;
}

namespace halo {

// Needs the attributes that noteTarget (Target.h) leaves.
void fuseWhereCompiled(llvm::Module &M);
void splitTheRest(llvm::Module &M);

} // namespace halo

#endif
