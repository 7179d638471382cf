// One private global an entry, so that the linker's section garbage collection can drop it with what it
// names:
// `!associated` ties it to its symbol's section (an external's to the first function that refers to it), and
// it joins its symbol's COMDAT, so that a discarded copy takes its entry along.
//
// Only what the final code still has is listed: a reference that the optimizer removed may not even link.

#include "Symbols.h"
#include "halo/image.h"
#include "llvm/ADT/SmallPtrSet.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/Instructions.h"
#include "llvm/Transforms/Utils/ModuleUtils.h"

using namespace llvm;

namespace halo {
namespace {

/// The first function whose code or prologue refers to the value, through constants too; null when only data
/// does.
Function *firstReferrer(const Value &Root) {
  SmallVector<const User *, 16> Work(Root.users());
  SmallPtrSet<const User *, 32> Seen;
  while (!Work.empty()) {
    const User *U = Work.pop_back_val();
    if (!Seen.insert(U).second)
      continue;
    if (const auto *I = dyn_cast<Instruction>(U))
      return const_cast<Function *>(I->getFunction());
    if (const auto *F = dyn_cast<Function>(U))
      return const_cast<Function *>(F);
    append_range(Work, U->users());
  }
  return nullptr;
}

bool isAddressSignificant(const GlobalVariable &Variable) {
  return !Variable.isConstant() || !Variable.hasGlobalUnnamedAddr();
}

class TableWriter {
public:
  TableWriter(Module &M, const Embedded &Start)
      : M(M), Start(Start), Context(M.getContext()), Int32(Type::getInt32Ty(Context)),
        Int64(Type::getInt64Ty(Context)), Entry(StructType::get(Context, {Int64, Int32, Int32})) {}

  void write() {
    // Entries, accessors and GOT equivalents are new globals: list first, write afterwards.
    std::vector<GlobalValue *> Values;
    for (GlobalValue &Value : M.global_values())
      Values.push_back(&Value);
    for (GlobalValue *Value : Values)
      writeOne(*Value);
    appendToCompilerUsed(M, Kept);
  }

private:
  void writeOne(GlobalValue &Value) {
    const auto Known = Start.Names.find(Value.getName());
    if (Known == Start.Names.end() || Known->second.ValueType != Value.getValueType())
      return;
    const uint32_t Ordinal = Known->second.Ordinal;
    if (Value.isThreadLocal()) {
      if (Function *User = firstReferrer(Value))
        add(Ordinal, HALO_SYMBOL_TLS, makeAccessor(cast<GlobalVariable>(Value), *User), *User);
      return;
    }
    if (Value.isDeclarationForLinker() || Value.isInterposable()) {
      if (const auto *F = dyn_cast<Function>(&Value); F && F->isIntrinsic())
        return;
      if (Value.getName().starts_with("llvm."))
        return;
      if (Function *User = firstReferrer(Value))
        add(Ordinal, HALO_SYMBOL_GOT, makeGOTEquivalent(Value), *User);
      return;
    }
    if (auto *Alias = dyn_cast<GlobalAlias>(&Value)) {
      if (auto *Object = Alias->getAliaseeObject())
        add(Ordinal, HALO_SYMBOL_DEFINITION, direct(Value), *Object);
      return;
    }
    auto *Object = dyn_cast<GlobalObject>(&Value);
    if (!Object || isa<GlobalIFunc>(Object)) {
      if (Function *User = firstReferrer(Value))
        add(Ordinal, HALO_SYMBOL_GOT, makeGOTEquivalent(Value), *User);
      return;
    }
    if (auto *Variable = dyn_cast<GlobalVariable>(Object)) {
      if (Variable->getName().starts_with("llvm.") || Variable->hasPrivateLinkage() ||
          !isAddressSignificant(*Variable))
        return;
      add(Ordinal, HALO_SYMBOL_DEFINITION, direct(*Variable), *Variable);
    } else if (auto *F = dyn_cast<Function>(Object)) {
      if (F->hasPrologueData())
        add(Ordinal, HALO_SYMBOL_PATCHABLE, direct(*F), *F);
      else if (!F->hasLocalLinkage() || F->hasAddressTaken())
        add(Ordinal, HALO_SYMBOL_DEFINITION, direct(*F), *F);
    }
    if (!Value.isDSOLocal() && !Value.hasLocalLinkage() && M.getPIELevel() == PIELevel::Default &&
        M.getPICLevel() != PICLevel::NotPIC)
      add(Ordinal, HALO_SYMBOL_GOT, makeGOTEquivalent(Value), *Object);
  }

  /// A symbol that a relocation to this image's own definition may name: a preemptible one gets a private
  /// alias.
  Constant *direct(GlobalValue &Value) {
    if (Value.hasLocalLinkage() || Value.isDSOLocal() || Value.hasHiddenVisibility())
      return &Value;
    auto *Alias = GlobalAlias::create(Value.getValueType(), Value.getAddressSpace(),
                                      GlobalValue::PrivateLinkage, Value.getName() + ".halo.own", &Value, &M);
    return Alias;
  }

  /// A constant that holds the address; the assembly printer turns a relative reference to it into one to the
  /// GOT.
  Constant *makeGOTEquivalent(GlobalValue &Value) {
    auto *Equivalent = new GlobalVariable(M, Value.getType(), true, GlobalValue::PrivateLinkage, &Value,
                                          Value.getName() + ".halo.got");
    Equivalent->setUnnamedAddr(GlobalValue::UnnamedAddr::Global);
    return Equivalent;
  }

  Constant *makeAccessor(GlobalVariable &Variable, Function &User) {
    auto *Pointer = PointerType::getUnqual(Context);
    auto *Accessor = Function::Create(FunctionType::get(Pointer, false), GlobalValue::InternalLinkage,
                                      Variable.getName() + ".halo.tls", &M);
    Accessor->addFnAttr(Attribute::NoUnwind);
    Accessor->addFnAttr(Attribute::NoInline);
    for (StringRef Name : {"target-cpu", "target-features", "tune-cpu"})
      if (User.hasFnAttribute(Name))
        Accessor->addFnAttr(User.getFnAttribute(Name));
    IRBuilder<> Builder(BasicBlock::Create(Context, "entry", Accessor));
    Builder.CreateRet(Builder.CreateThreadLocalAddress(&Variable));
    Accessor->setComdat(User.getComdat());
    Kept.push_back(Accessor);
    return Accessor;
  }

  void add(uint32_t Ordinal, halo_symbol_kind Kind, Constant *Where, GlobalObject &Owner) {
    auto *Variable = new GlobalVariable(M, Entry, true, GlobalValue::PrivateLinkage, nullptr, "halo.symbol");
    auto *Field = ConstantExpr::getInBoundsGetElementPtr(
        Entry, Variable, ArrayRef<Constant *>{ConstantInt::get(Int32, 0), ConstantInt::get(Int32, 2)});
    auto *Offset = ConstantExpr::getTrunc(ConstantExpr::getSub(ConstantExpr::getPtrToInt(Where, Int64),
                                                               ConstantExpr::getPtrToInt(Field, Int64)),
                                          Int32);
    Variable->setInitializer(ConstantStruct::get(
        Entry, {ConstantInt::get(Int64, Start.Module),
                ConstantInt::get(Int32, uint32_t(Kind) << HALO_SYMBOL_KIND_SHIFT | Ordinal), Offset}));
    Variable->setSection(HALO_SYMBOLS_SECTION);
    Variable->setAlignment(Align(8));
    Variable->setComdat(Owner.getComdat());
    Variable->addMetadata(LLVMContext::MD_associated, *MDNode::get(Context, ValueAsMetadata::get(&Owner)));
    Kept.push_back(Variable);
  }

  Module &M;
  const Embedded &Start;
  LLVMContext &Context;
  Type *Int32, *Int64;
  StructType *Entry;
  std::vector<GlobalValue *> Kept;
};

} // namespace

void writeSymbols(Module &M, const Embedded &Start) { TableWriter(M, Start).write(); }

} // namespace halo
