#include "Node.h"

#include "clang/AST/DeclCXX.h"
#include "clang/AST/RecordLayout.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/Support/Endian.h"

using namespace llvm;
using namespace clang;

namespace halo {
namespace {

constexpr unsigned DepthLimit = 32;
constexpr uint64_t BytesLimit = uint64_t(1) << 29, StringLimit = 1 << 20;

std::string size(uint64_t Value) {
  char Bytes[8];
  support::endian::write64le(Bytes, Value);
  return std::string(Bytes, sizeof Bytes);
}

// (GCC 12 warns of "X" + std::string().)
std::string joined(std::initializer_list<StringRef> Parts) {
  std::string Whole;
  for (StringRef Each : Parts)
    Whole += Each;
  return Whole;
}

std::string named(StringRef Text) { return joined({size(Text.size()), Text}); }

std::string characters(uint64_t Width, StringRef Bytes) {
  return joined({std::string{'S', static_cast<char>(Width)}, size(Bytes.size()), Bytes});
}

} // namespace

std::optional<NumberCode> numberCode(ASTContext &Context, QualType Type) {
  Type = Type.getCanonicalType();
  auto Bytes = [&](QualType Of) {
    return static_cast<uint8_t>(Context.getTypeSizeInChars(Of).getQuantity());
  };
  if (auto *Complex = Type->getAs<clang::ComplexType>()) {
    auto Part = numberCode(Context, Complex->getElementType());
    if (!Part || Part->Code != 'f' || Bytes(Complex->getElementType()) > 8)
      return std::nullopt;
    return NumberCode{'c', static_cast<uint8_t>(2 * Part->Bytes)};
  }
  if (Type->isBooleanType())
    return NumberCode{'b', 1};
  if (Type->isRealFloatingType()) // where Python's end
    return NumberCode{'f', Context.hasSameUnqualifiedType(Type, Context.FloatTy) ? uint8_t(4) : uint8_t(8)};
  bool IsNumber = Type->isIntegerType() && !Type->isEnumeralType() && !Type->isAnyCharacterType();
  if (auto *Builtin = Type->getAs<BuiltinType>();
      Builtin && (Builtin->getKind() == BuiltinType::SChar || Builtin->getKind() == BuiltinType::UChar))
    IsNumber = true;
  if (auto *Enum = Type->getAs<EnumType>())
    if (Enum->getDecl()->getQualifiedNameAsString() == "std::byte")
      return NumberCode{'u', 1};
  if (!IsNumber)
    return std::nullopt;
  return NumberCode{Type->isSignedIntegerType() ? 'i' : 'u', Bytes(Type)};
}

std::string Nodes::text(StringRef Type, StringRef Text) { return joined({"X", named(Type), named(Text)}); }

std::string Nodes::node(QualType Type, uint64_t At, unsigned Depth) {
  Type = Type.getNonReferenceType();
  bool IsShown = Type->isFunctionType() || Type->isIncompleteType() || Type->isDependentType();
  uint64_t Bytes = IsShown ? 0 : static_cast<uint64_t>(Context.getTypeSizeInChars(Type).getQuantity());
  if (IsShown || Bytes > BytesLimit)
    return text(Show.name(Type), Show.show(Type, At));
  std::vector<char> Memory(Bytes);
  if (Error E = Machine.read(orc::ExecutorAddr(At), Memory)) {
    consumeError(std::move(E));
    return text(Show.name(Type), Show.show(Type, At));
  }
  if (auto *Record = Type->getAsRecordDecl())
    return record(*Record, Memory, At, Depth);
  return encode(Type, Memory, At, Depth);
}

std::string Nodes::encode(QualType Type, ArrayRef<char> Bytes, uint64_t At, unsigned Depth) {
  if (Type->isReferenceType())
    return node(Type, bits(Bytes).getZExtValue(), Depth + 1);
  Type = Type.getCanonicalType().getUnqualifiedType();
  if (auto *Atomic = Type->getAs<AtomicType>())
    return encode(Atomic->getValueType(), Bytes, At, Depth);
  if (auto Code = numberCode(Context, Type))
    return std::string{'A', Code->Code, static_cast<char>(Code->Bytes), 0} + number(Type, Bytes);
  if (isCharacter(Type))
    return std::string{'C', static_cast<char>(Bytes.size())} + std::string(Bytes.begin(), Bytes.end());
  if (Context.getAsConstantArrayType(Type) || Type->getAs<clang::VectorType>())
    return array(Type, Bytes, At, Depth);
  if (auto *Enum = Type->getAs<EnumType>())
    return enumerator(*Enum, Bytes);
  if (Type->isNullPtrType())
    return "N";
  if (Type->isPointerType())
    return pointer(Type, bits(Bytes).getZExtValue());
  if (auto *Record = Type->getAsRecordDecl(); Record && Depth < DepthLimit) {
    if (GiveMember && !Unions)
      if (auto Given = GiveMember(Type, At, Depth))
        return std::move(*Given);
    auto *Class = dyn_cast<CXXRecordDecl>(Record->getDefinition());
    if (!Class || Class->isAggregate())
      return record(*Record, Bytes, At, Depth);
  }
  return text(Show.name(Type), Show.show(Type, At));
}

std::string Nodes::number(QualType Type, ArrayRef<char> Bytes) const {
  if (!Type->isRealFloatingType() || numberCode(Context, Type)->Bytes == Bytes.size())
    return std::string(Bytes.begin(), Bytes.end());
  const fltSemantics &Semantics = Context.getFloatTypeSemantics(Type);
  APFloat Value(Semantics, bits(Bytes).trunc(APFloat::getSizeInBits(Semantics)));
  bool IsInexact;
  Value.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &IsInexact);
  return size(Value.bitcastToAPInt().getZExtValue());
}

// Numbers in all dimensions are one block.
std::string Nodes::array(QualType Array, ArrayRef<char> Bytes, uint64_t At, unsigned Depth) {
  std::string Sizes;
  char Rank = 0;
  QualType Element = Array;
  uint64_t First = 0;
  for (;;) {
    uint64_t Count;
    if (auto *Plain = Context.getAsConstantArrayType(Element)) {
      Count = Plain->getZExtSize();
      Element = Plain->getElementType();
    } else if (auto *Vector = Element->getAs<clang::VectorType>()) {
      Count = Vector->getNumElements();
      Element = Vector->getElementType();
    } else {
      break;
    }
    if (!Rank++)
      First = Count;
    Sizes += size(Count);
  }
  auto Width = static_cast<uint64_t>(Context.getTypeSizeInChars(Element).getQuantity());
  if (auto Code = numberCode(Context, Element); Code && Width) {
    std::string Result = std::string{'A', Code->Code, static_cast<char>(Code->Bytes), Rank} + Sizes;
    if (Code->Bytes == Width)
      return Result + std::string(Bytes.begin(), Bytes.end());
    for (uint64_t I = 0; I + Width <= Bytes.size(); I += Width)
      Result += number(Element, Bytes.slice(I, Width));
    return Result;
  }
  if (isCharacter(Element) && Rank == 1) {
    size_t End = 0;
    while (End < Bytes.size() && !bits(Bytes.slice(End, Width)).isZero())
      End += Width;
    return characters(Width, StringRef(Bytes.data(), End));
  }
  if (auto *Plain = Context.getAsConstantArrayType(Array))
    Element = Plain->getElementType();
  std::string Result = joined({"L", size(First)});
  uint64_t Each = First ? Bytes.size() / First : 0;
  for (uint64_t I = 0; I < First; ++I)
    Result += encode(Element, Bytes.slice(I * Each, Each), At + I * Each, Depth + 1);
  return Result;
}

std::string Nodes::enumerator(const EnumType &Type, ArrayRef<char> Bytes) {
  const EnumDecl *Enum = Type.getDecl()->getDefinitionOrSelf();
  bool IsSigned = Enum->getIntegerType()->isSignedIntegerType();
  APSInt Value(bits(Bytes), !IsSigned);
  std::string Name;
  for (const EnumConstantDecl *Each : Enum->enumerators())
    if (Name.empty() && APSInt::isSameValue(Each->getInitVal(), Value))
      Name = Each->getNameAsString();
  APInt Whole = IsSigned ? Value.sextOrTrunc(64) : Value.zextOrTrunc(64);
  return joined({"E", named(Show.name(QualType(&Type, 0))), named(Name), size(Whole.getZExtValue())});
}

std::string Nodes::pointer(QualType Type, uint64_t To) {
  QualType Pointee = Type->getPointeeType();
  if (!Context.hasSameUnqualifiedType(Pointee, Context.CharTy))
    return joined({"P", named(Show.name(Type)), size(To)});
  if (!To)
    return "N";
  std::string Text;
  while (Text.size() < StringLimit) {
    std::vector<char> Piece(4096 - (To + Text.size()) % 4096); // the next page may not be there
    if (Error E = Machine.read(orc::ExecutorAddr(To + Text.size()), Piece)) {
      consumeError(std::move(E));
      break;
    }
    size_t End = StringRef(Piece.data(), Piece.size()).find('\0');
    Text.append(Piece.data(), std::min(End, Piece.size()));
    if (End != StringRef::npos)
      return characters(1, Text);
  }
  return joined({"P", named(Show.name(Type)), size(To)});
}

std::string Nodes::record(const RecordDecl &Declared, ArrayRef<char> Bytes, uint64_t At, unsigned Depth) {
  std::string Fields;
  uint64_t Count = 0;
  addFields(Declared, Bytes, At, Depth, Fields, Count);
  return joined({"R", named(Show.name(Context.getCanonicalTagType(&Declared))), size(Count), Fields});
}

// Those of bases and of members without a name too.
void Nodes::addFields(const RecordDecl &Declared, ArrayRef<char> Bytes, uint64_t At, unsigned Depth,
                      std::string &Fields, uint64_t &Count) {
  const RecordDecl *Record = Declared.getDefinition();
  if (!Record || Record->isInvalidDecl())
    return;
  const ASTRecordLayout &Places = Context.getASTRecordLayout(Record);
  Unions += Record->isUnion();
  if (auto *Class = dyn_cast<CXXRecordDecl>(Record))
    for (const CXXBaseSpecifier &Base : Class->bases())
      if (const CXXRecordDecl *Of = Base.getType()->getAsCXXRecordDecl();
          Of && !Base.isVirtual() && !Of->isEmpty()) {
        auto Offset = static_cast<uint64_t>(Places.getBaseClassOffset(Of).getQuantity());
        addFields(*Of, Bytes.drop_front(std::min<size_t>(Offset, Bytes.size())), At + Offset, Depth, Fields,
                  Count);
      }
  for (const FieldDecl *Field : Record->fields()) {
    QualType Type = Field->getType();
    uint64_t Bit = Places.getFieldOffset(Field->getFieldIndex()), Offset = Bit / 8;
    if (Field->isUnnamedBitField() || Type->isIncompleteType())
      continue;
    if (Field->isBitField()) {
      unsigned Width = Field->getBitWidthValue();
      auto Size = static_cast<unsigned>(Context.getTypeSize(Type));
      size_t End = Offset + (Bit % 8 + Width + 7) / 8;
      if (!Width || End > Bytes.size())
        continue;
      APInt Value = bits(Bytes.slice(Offset, End - Offset)).lshr(static_cast<unsigned>(Bit % 8)).trunc(Width);
      Value = Type->isSignedIntegerOrEnumerationType() ? Value.sextOrTrunc(Size) : Value.zextOrTrunc(Size);
      std::string Whole = size(Value.zextOrTrunc(64).getZExtValue()).substr(0, Size / 8);
      Fields += named(Field->getName());
      Fields += encode(Type, Whole, At + Offset, Depth + 1);
      ++Count;
      continue;
    }
    auto Size =
        static_cast<uint64_t>(Type->isReferenceType() ? 8 : Context.getTypeSizeInChars(Type).getQuantity());
    if (Offset + Size > Bytes.size())
      continue;
    if (Field->isAnonymousStructOrUnion()) {
      addFields(*Type->getAsRecordDecl(), Bytes.slice(Offset, Size), At + Offset, Depth, Fields, Count);
      continue;
    }
    Fields += named(Field->getName());
    Fields += encode(Type, Bytes.slice(Offset, Size), At + Offset, Depth + 1);
    ++Count;
  }
  Unions -= Record->isUnion();
}

} // namespace halo
