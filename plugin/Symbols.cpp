// Symbols.cpp: entries, one global of them for each function or variable that carries them.
//
// In: the final module and what was remembered of it at the pipeline's start. Out: for each
// carrier a private constant array of struct halo_symbol in section halo_symbols. It is
// `!associated` with its carrier and in its COMDAT, so it comes and goes with it at the link.
//
// A function carries its own entry and those of everything external that it refers to. So an
// external has as many entries as it has users: with --gc-sections nobody knows in advance which
// of them stay, and 16 bytes in a section that is not touched are cheap. Literals are listed the
// same way: they stay in mergeable sections, which cannot carry an entry, and the linker says where
// a merged string is.
#include "Symbols.h"

#include "halo/image.h"

#include "llvm/ADT/DepthFirstIterator.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/IR/CFG.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/Transforms/Utils/ModuleUtils.h"

using namespace llvm;

namespace halo {

namespace {

struct Entry {
  halo_symbol_kind Kind;
  uint32_t Ordinal;
  /// What `where` leads to; local to the image.
  Constant *Target;
};

class Table {
public:
  Table(Module &M, const ModuleState &State) : M(M), State(State) {}

  void addDefinitions();
  void addReferences();
  void write();

private:
  const Remembered *find(const GlobalValue &GV) const;
  bool canCarry(const GlobalVariable &GV) const;
  void addFunction(Function &F, const Remembered &R);
  void addVariable(GlobalVariable &GV, const Remembered &R);
  void addReferencesOf(GlobalObject &Carrier, ArrayRef<Constant *> Operands);
  void addReference(GlobalObject &Carrier, GlobalValue &To);
  void add(GlobalObject &Carrier, halo_symbol_kind Kind, const Remembered &R, Constant *Target);
  Function *findResume(Function &F);
  Constant *getSlot(GlobalValue &GV);
  Constant *getAccessor(GlobalVariable &GV);

  Module &M;
  const ModuleState &State;
  MapVector<GlobalObject *, SmallVector<Entry, 4>> Carriers;
  DenseMap<GlobalValue *, Constant *> Slots, Accessors;
};

} // namespace

/// Can the linker or loader bind the name to another definition than this one?
static bool isReplaceable(const GlobalValue &GV) { return GV.isInterposable() || !GV.isDSOLocal(); }

/// What was remembered, if the value is still what it was.
const Remembered *Table::find(const GlobalValue &GV) const {
  auto It = State.Globals.find(GV.getName());
  if (It == State.Globals.end() || It->second.ValueType != GV.getValueType())
    return nullptr;
  return &It->second;
}

void Table::add(GlobalObject &Carrier, halo_symbol_kind Kind, const Remembered &R, Constant *Target) {
  Carriers[&Carrier].push_back({Kind, R.Ordinal, Target});
}

/// A constant that holds the address of `GV`. The code generator finds that it is only ever
/// used relative to its user and refers to the symbol's GOT slot instead (R_X86_64_GOTPCREL).
Constant *Table::getSlot(GlobalValue &GV) {
  Constant *&Slot = Slots[&GV];
  if (!Slot) {
    auto *Holder = new GlobalVariable(M, GV.getType(), /*isConstant=*/true, GlobalValue::PrivateLinkage, &GV,
                                      "halo.got." + GV.getName());
    Holder->setUnnamedAddr(GlobalValue::UnnamedAddr::Global);
    Slot = Holder;
  }
  return Slot;
}

/// `void *accessor(void)`: the variable's address for the calling thread, found as the module's
/// own code would find it.
Constant *Table::getAccessor(GlobalVariable &GV) {
  Constant *&Accessor = Accessors[&GV];
  if (!Accessor) {
    LLVMContext &C = M.getContext();
    auto *F = Function::Create(FunctionType::get(PointerType::get(C, 0), false), GlobalValue::InternalLinkage,
                               "halo.tls." + GV.getName(), M);
    F->setDoesNotThrow();
    F->addFnAttr(Attribute::NoInline);
    F->addFnAttr(Attribute::OptimizeNone);
    F->setUWTableKind(M.getUwtable());
    IRBuilder<> B(BasicBlock::Create(C, "entry", F));
    B.CreateRet(B.CreateThreadLocalAddress(&GV));
    Accessor = F;
  }
  return Accessor;
}

void Table::addFunction(Function &F, const Remembered &R) {
  bool IsReplaceable = isReplaceable(F);
  // An alias cannot outlive its function's body.
  if (R.IsPatchable && !(IsReplaceable && State.IsThinLink && F.isWeakForLinker())) {
    // The entry is this module's own body, wherever the name leads.
    Constant *Body = &F;
    if (IsReplaceable)
      Body = GlobalAlias::create(F.getValueType(), F.getAddressSpace(), GlobalValue::PrivateLinkage,
                                 "halo.body." + F.getName(), &F, &M);
    add(F, HALO_SYMBOL_PATCHABLE, R, Body);
  }
  if (IsReplaceable)
    add(F, HALO_SYMBOL_GOT, R, getSlot(F));
  else if (!R.IsPatchable && (!F.hasLocalLinkage() ||
                              F.hasAddressTaken(nullptr, /*IgnoreCallbackUses=*/false,
                                                /*IgnoreAssumeLikeCalls=*/true, /*IgnoreLLVMUsed=*/true)))
    add(F, HALO_SYMBOL_DEFINITION, R, &F);
}

static bool hasBlockAddress(const Constant *C, SmallPtrSetImpl<const Constant *> &Seen) {
  if (isa<BlockAddress>(C))
    return true;
  if (isa<GlobalValue>(C) || !Seen.insert(C).second)
    return false;
  for (const Use &Operand : C->operands())
    if (const auto *Inner = dyn_cast<Constant>(Operand); Inner && hasBlockAddress(Inner, Seen))
      return true;
  return false;
}

static bool hasBlockAddress(const GlobalVariable &GV) {
  SmallPtrSet<const Constant *, 8> Seen;
  return hasBlockAddress(GV.getInitializer(), Seen);
}

/// Of variables only those with an entry of their own: it keeps them. What else there is (literals,
/// the optimizer's own tables) may be merged or rewritten after the pipeline's end.
bool Table::canCarry(const GlobalVariable &GV) const {
  if (GV.isDeclarationForLinker() || GV.getName().starts_with("llvm.") || GV.isThreadLocal())
    return false;
  const Remembered *R = find(GV);
  // Jump tables lead into the original code; a variant has its own.
  return R && !R->IsLiteral && !hasBlockAddress(GV);
}

void Table::addVariable(GlobalVariable &GV, const Remembered &R) {
  // The optimizer has proven that each store stores what is there already, and dropped them. A
  // variant may still have them.
  if (GV.isConstant() && !R.IsConstant)
    GV.setConstant(false);
  // A constant without identity goes to a mergeable section, which cannot carry an entry.
  GV.setUnnamedAddr(GlobalValue::UnnamedAddr::None);
  if (isReplaceable(GV))
    add(GV, HALO_SYMBOL_GOT, R, getSlot(GV));
  else
    add(GV, HALO_SYMBOL_DEFINITION, R, &GV);
}

void Table::addDefinitions() {
  for (Function &F : M)
    if (!F.isDeclarationForLinker())
      if (const Remembered *R = find(F))
        addFunction(F, *R);
  for (GlobalVariable &GV : M.globals())
    if (canCarry(GV))
      addVariable(GV, *find(GV));
  for (GlobalAlias &A : M.aliases())
    if (const Remembered *R = find(A))
      if (auto *Carrier = dyn_cast_or_null<GlobalObject>(A.getAliaseeObject());
          Carrier && !Carrier->isDeclarationForLinker() && !A.isThreadLocal()) {
        if (isReplaceable(A))
          add(*Carrier, HALO_SYMBOL_GOT, *R, getSlot(A));
        else
          add(*Carrier, HALO_SYMBOL_DEFINITION, *R, &A);
      }
}

/// References to what cannot carry an entry: what is bound elsewhere (declarations, ifuncs),
/// thread-local variables, literals.
void Table::addReference(GlobalObject &Carrier, GlobalValue &To) {
  const Remembered *R = find(To);
  if (!R)
    return;
  if (auto *Variable = dyn_cast<GlobalVariable>(&To); Variable && Variable->isThreadLocal())
    return add(Carrier, HALO_SYMBOL_TLS, *R, getAccessor(*Variable));
  if (R->IsLiteral) {
    auto &Literal = cast<GlobalVariable>(To);
    if (Literal.hasInitializer() && Literal.isConstant() && !hasBlockAddress(Literal))
      add(Carrier, HALO_SYMBOL_DEFINITION, *R, &Literal);
    return;
  }
  if (To.isDeclarationForLinker() || isa<GlobalIFunc>(To))
    add(Carrier, HALO_SYMBOL_GOT, *R, getSlot(To));
}

void Table::addReferencesOf(GlobalObject &Carrier, ArrayRef<Constant *> Operands) {
  SmallSetVector<Constant *, 16> Seen(Operands.begin(), Operands.end());
  for (unsigned I = 0; I < Seen.size(); I++) {
    Constant *C = Seen[I];
    if (auto *GV = dyn_cast<GlobalValue>(C)) {
      // __attribute__((error)): calls are expected to vanish, there is no such function.
      if (auto *F = dyn_cast<Function>(GV); !F || !(F->isIntrinsic() || F->hasFnAttribute("dontcall-error")))
        addReference(Carrier, *GV);
      if (auto *Variable = dyn_cast<GlobalVariable>(GV);
          Variable && Variable->hasInitializer() && !Variable->isDeclarationForLinker() &&
          !Variable->isThreadLocal() && !Variable->hasSection() && !canCarry(*Variable))
        Seen.insert(Variable->getInitializer());
      continue;
    }
    for (Use &Operand : C->operands())
      if (auto *Inner = dyn_cast<Constant>(Operand))
        Seen.insert(Inner);
  }
}

/// What the code generator will call in this function to go on unwinding, or null. It drops a
/// `resume` that no cleanup leads to.
Function *Table::findResume(Function &F) {
  auto It = State.Globals.find("_Unwind_Resume");
  auto *Type = It == State.Globals.end() ? nullptr : dyn_cast<FunctionType>(It->second.ValueType);
  if (!Type)
    return nullptr;
  df_iterator_default_set<BasicBlock *> Seen;
  for (BasicBlock &Block : F)
    if (const LandingPadInst *Pad = Block.getLandingPadInst(); Pad && Pad->isCleanup())
      for (BasicBlock *Reached : depth_first_ext(&Block, Seen))
        if (isa<ResumeInst>(Reached->getTerminator()))
          return dyn_cast<Function>(M.getOrInsertFunction("_Unwind_Resume", Type).getCallee());
  return nullptr;
}

void Table::addReferences() {
  // Accessors join the module while it is walked: take the list first.
  SmallVector<Function *, 64> Functions;
  for (Function &F : M)
    if (!F.isDeclarationForLinker())
      Functions.push_back(&F);
  SmallVector<GlobalVariable *, 64> Variables;
  for (GlobalVariable &GV : M.globals())
    if (canCarry(GV) && !GV.hasSection())
      Variables.push_back(&GV);

  for (Function *F : Functions) {
    // Only what certainly stays: the code generator drops unreachable blocks, and the personality of
    // functions that catch nothing. A reference of ours alone might not link (C++ code in a C program).
    SmallVector<Constant *, 32> Operands;
    bool HasPads = false;
    for (BasicBlock *Block : depth_first(&F->getEntryBlock())) {
      HasPads |= Block->isEHPad();
      for (Instruction &I : *Block)
        for (Use &Operand : I.operands())
          if (auto *C = dyn_cast<Constant>(Operand); C && !isa<ConstantData>(C))
            Operands.push_back(C);
    }
    if (HasPads && F->hasPersonalityFn())
      Operands.push_back(F->getPersonalityFn());
    if (Function *Resume = HasPads ? findResume(*F) : nullptr)
      Operands.push_back(Resume);
    addReferencesOf(*F, Operands);
  }
  for (GlobalVariable *GV : Variables)
    if (!isa<ConstantData>(GV->getInitializer()))
      addReferencesOf(*GV, {GV->getInitializer()});
}

void Table::write() {
  LLVMContext &C = M.getContext();
  IntegerType *Int32 = Type::getInt32Ty(C), *Int64 = Type::getInt64Ty(C);
  StructType *Row = StructType::get(Int64, Int32, Int32);
  static_assert(sizeof(halo_symbol) == 16 && offsetof(halo_symbol, where) == 12);

  SmallVector<GlobalValue *, 64> Tables;
  for (auto &[Carrier, Entries] : Carriers) {
    ArrayType *Type = ArrayType::get(Row, Entries.size());
    auto *Holder = new GlobalVariable(M, Type, /*isConstant=*/true, GlobalValue::PrivateLinkage, nullptr,
                                      "halo.symbols." + Carrier->getName());
    SmallVector<Constant *, 8> Rows;
    for (const Entry &E : Entries) {
      // where = target - address of `where` itself
      Constant *Offset =
          ConstantInt::get(Int64, Rows.size() * sizeof(halo_symbol) + offsetof(halo_symbol, where));
      Constant *Here = ConstantExpr::getInBoundsGetElementPtr(IntegerType::getInt8Ty(C), Holder, Offset);
      Constant *Distance = ConstantExpr::getSub(ConstantExpr::getPtrToInt(E.Target, Int64),
                                                ConstantExpr::getPtrToInt(Here, Int64));
      uint32_t KindOrdinal = static_cast<uint32_t>(E.Kind) << HALO_SYMBOL_KIND_SHIFT | E.Ordinal;
      Rows.push_back(
          ConstantStruct::get(Row, {ConstantInt::get(Int64, State.Id), ConstantInt::get(Int32, KindOrdinal),
                                    ConstantExpr::getTrunc(Distance, Int32)}));
    }
    Holder->setInitializer(ConstantArray::get(Type, Rows));
    Holder->setSection(HALO_SYMBOLS_SECTION);
    Holder->setAlignment(Align(8));
    Holder->setComdat(Carrier->getComdat());
    // Members of a group live and die together, and ThinLTO takes the bodies of those that another
    // module has from under the metadata.
    if (!Holder->hasComdat())
      // In ThinLTO the carrier may become a declaration; a table tied to it would then be invalid.
      if (!(State.IsThinLink && Carrier->isWeakForLinker()))
        Holder->setMetadata(LLVMContext::MD_associated, MDNode::get(C, ValueAsMetadata::get(Carrier)));
    Tables.push_back(Holder);
  }
  appendToCompilerUsed(M, Tables);
}

void tableSymbols(Module &M, const ModuleState &State) {
  Table T(M, State);
  T.addReferences();
  T.addDefinitions();
  T.write();
}

} // namespace halo
